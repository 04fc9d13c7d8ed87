"""A company's directory: OpenLDAP's own server, with invented people, on loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

from tests.support.ports import free_port

SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/usr/libexec"
SECONDS = 20
BASE = "dc=example,dc=com"
PEOPLE, GROUPS = f"ou=people,{BASE}", f"ou=groups,{BASE}"
READER, READER_PASSWORD = f"cn=dashboard,{BASE}", "reads-the-directory"
# Passwords of people in the directory, who have none in the dashboard.
DIRECTORY_PASSWORD = "a-password-of-the-company"

CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.pem
disallow bind_anon
require authc
database mdb
suffix "{base}"
directory {folder}/data
rootdn "cn=root,{base}"
rootpw root
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""


def missing():
    """Return a text that says why no directory can be started or asked here, or None."""
    if not shutil.which("slapd", path=SBIN):
        return "there is no slapd"
    try:
        import django_auth_ldap.backend  # noqa: F401
    except ImportError:
        return "slapd is here without django-auth-ldap (make .venv/.ldap)"
    return None


class Slapd:
    """A directory with people and groups. The test authority `ca` vouches for it."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="slapd-"))
        (self.folder / "data").mkdir()
        self.ca = trustme.CA()
        self.ca_file = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)
        self.ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            self.folder / "server.pem"
        )
        configuration = CONFIGURATION.format(folder=self.folder, base=BASE, reader=READER)
        (self.folder / "slapd.conf").write_text(configuration, encoding="utf-8")
        self.port, self.tls_port = free_port(), free_port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.starttls_url = f"ldap+tls://127.0.0.1:{self.port}"
        self.tls_url = f"ldaps://127.0.0.1:{self.tls_port}"
        self._process = None
        self.start()
        self.add(BASE, objectClass="domain", dc="example")
        self.add(PEOPLE, objectClass="organizationalUnit", ou="people")
        self.add(GROUPS, objectClass="organizationalUnit", ou="groups")
        kinds = ("organizationalRole", "simpleSecurityObject")
        self.add(READER, objectClass=kinds, cn="dashboard", userPassword=READER_PASSWORD)

    def start(self):
        listen = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        command = [
            shutil.which("slapd", path=SBIN),
            "-d",
            "0",
            "-h",
            listen,
            "-f",
            self.folder / "slapd.conf",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until = time.monotonic() + SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(self._process.stderr.read().decode())
            time.sleep(0.05)

    def stop(self):
        """End the server; its data stays."""
        self._process.terminate()
        self._process.wait()
        self._process.stderr.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder)

    def empty(self):
        """Remove all people and groups."""
        with self._root() as root:
            for branch in (PEOPLE, GROUPS):
                for name, _attributes in root.search_s(branch, 1):
                    root.delete_s(name)

    def person(self, name, **more):
        """Add somebody; `more` are attributes beside those that everybody has."""
        fields = {"objectClass": "inetOrgPerson", "sn": "Testenko", "cn": name} | more
        self.add(f"uid={name},{PEOPLE}", uid=name, **{"userPassword": DIRECTORY_PASSWORD, **fields})

    def group(self, name, *people, kind="groupOfNames", member="member"):
        """Make or replace a group of these people; without any it is gone."""
        self.remove(f"cn={name},{GROUPS}")
        if people:
            members = [f"uid={person},{PEOPLE}" for person in people]
            self.add(f"cn={name},{GROUPS}", objectClass=kind, cn=name, **{member: members})

    def remove(self, dn):
        import ldap

        with self._root() as root, suppress(ldap.NO_SUCH_OBJECT):
            root.delete_s(dn)

    def rename(self, name, new):
        with self._root() as root:
            root.rename_s(f"uid={name},{PEOPLE}", f"uid={new}")

    def add(self, entry, **attributes):
        """Add an entry with these attributes, each of one value or of more."""
        lists = {key: [value] if isinstance(value, str) else value for key, value in attributes.items()}
        with self._root() as root:
            root.add_s(entry, [(key, [each.encode() for each in values]) for key, values in lists.items()])

    @contextmanager
    def _root(self):
        import ldap

        connection = ldap.initialize(self.url)
        try:
            connection.simple_bind_s(f"cn=root,{BASE}", "root")
            yield connection
        finally:
            connection.unbind_s()

    def _answers(self):
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.tls_port), timeout=SECONDS):
            return True
        return False
