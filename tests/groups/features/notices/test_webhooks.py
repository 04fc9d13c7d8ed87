"""Test the webhook against a real receiver with its faults, and the signature by the documents' own code."""

import importlib.util
import json
import logging
import socket
import time
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from groups.features.notices.models import Delivery, Notice, Webhook
from groups.features.notices.services import addresses, deliveries, outbox, webhooks
from groups.models import Job, PosterCredentials
from poster_admin.users.models import ChosenLanguage, Event, SecurityEvent
from tests.support import webhook_receiver as faults
from tests.support.company import Authority
from tests.support.environment import ROOT
from tests.support.notices import KINDS, change_elsewhere, later, saved_job, set_webhook, tell
from tests.support.webhook_receiver import Receiver

# The database is asked for the same by the tests of the outbox.
pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.usefixtures("own_address")]
State, Failure = Delivery.State, Delivery.Failure


@pytest.fixture
def short_deadline(monkeypatch):
    """Wait for a receiver no longer than a second."""
    monkeypatch.setattr(webhooks, "DEADLINE", 1.0)


@pytest.fixture
def is_genuine():
    """Return the check of a signature that the documents show: it shares no line with the sender."""
    spec = importlib.util.spec_from_file_location("example", ROOT / "docs" / "examples" / "webhook.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example.is_genuine


def last():
    return Delivery.objects.order_by("created_at").last()


def test_a_notice_is_one_signed_request_with_text_and_facts(owner, receiver, secret, is_genuine):
    ChosenLanguage.objects.create(user=owner, language="en")
    change = change_elsewhere(owner)
    tell()
    tell()
    ((headers, body),) = receiver.requests
    assert headers[""] == "POST /hook?channel=7 HTTP/1.1"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert headers["content-type"] == "application/json; charset=utf-8"
    words = "In Poster, not here: “Гості” was changed: percent 10% → 12.5%."
    url = f"https://loyalty.example.com/history/{change.pk}/"
    notice = Notice.objects.get()
    assert json.loads(body) == {
        "id": str(last().pk),
        "account": "demo",
        "text": f"{words}\n{url}",
        "notices": [
            {
                "id": str(notice.pk),
                "kind": "elsewhere",
                "at": notice.at.isoformat(),
                "text": words,
                "url": url,
            }
        ],
    }
    assert headers["webhook-id"] == str(last().pk)
    assert is_genuine(headers, body, secret)
    assert last().state == State.SENT


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        # Slack, Discord, Google Chat, Teams
        ("<!channel> hi", "‹!channel› hi"),
        ("<https://evil.example|Approve here>", "‹https: //evil.example|Approve here›"),
        ("<@U123> <#C1> <users/all> <at>x</at>", "‹＠U123› ‹#C1› ‹users/all› ‹at›x‹/at›"),
        # Mattermost, Discord, Telegram
        ("@everyone @here @all", "＠everyone ＠here ＠all"),
        # Markdown
        ("[Approve here](https://evil.example)", "[Approve here] (https: //evil.example)"),
        ("![](//evil.example/a.png)", "![] (//evil.example/a.png)"),
        ("tg://resolve?domain=x", "tg: //resolve?domain=x"),
        ("VIP \u202egnp.exe\u202c", "VIP gnp.exe"),
        ("Гості & Co. [VIP] 5*", "Гості & Co. [VIP] 5*"),
    ],
)
def test_the_name_of_a_group_mentions_nobody_and_hides_no_link_in_a_chat(
    owner, receiver, secret, name, shown
):
    ChosenLanguage.objects.create(user=owner, language="en")
    change = change_elsewhere(owner, group_name=name)
    tell()
    (body,) = receiver.bodies
    words = f"In Poster, not here: “{shown}” was changed: percent 10% → 12.5%."
    url = f"https://loyalty.example.com/history/{change.pk}/"
    assert body["text"] == f"{words}\n{url}"
    assert [(each["text"], each["url"]) for each in body["notices"]] == [(words, url)]


def test_a_signature_holds_for_this_body_this_time_and_this_secret_alone(owner, receiver, secret, is_genuine):
    change_elsewhere(owner)
    tell()
    ((headers, body),) = receiver.requests
    assert is_genuine(headers, body, secret)
    assert not is_genuine(headers, body + b" ", secret)
    other = webhooks.renew_secret(owner.credentials)
    assert not is_genuine(headers, body, other)
    moved = str(int(headers["webhook-timestamp"]) - 60)
    assert not is_genuine(headers | {"webhook-timestamp": moved}, body, secret)
    long_ago = str(int(time.time()) - 3600)
    signature = webhooks.sign(secret, headers["webhook-id"], long_ago, body)
    old = headers | {"webhook-timestamp": long_ago, "webhook-signature": signature}
    assert not is_genuine(old, body, secret)


@pytest.mark.usefixtures("short_deadline")
@pytest.mark.parametrize(
    ("answer", "failure", "status"),
    [
        (faults.silence, Failure.TIMEOUT, None),
        (faults.slow_drip, Failure.TIMEOUT, None),
        (faults.endless_interim, Failure.TIMEOUT, None),
        (faults.hang_up, Failure.NO_HTTP, None),
        (b"SSH-2.0-OpenSSH_9.9\r\n", Failure.NO_HTTP, None),
        (b"HTTP/1.1 abc\r\n\r\n", Failure.NO_HTTP, None),
        (b"HTTP/1.1 \r\n\r\n", Failure.NO_HTTP, None),
        (b"x" * 100_000, Failure.NO_HTTP, None),
        (b"HTTP/1.1 500 Internal Server Error\r\n\r\na secret of the receiver", Failure.STATUS, 500),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Failure.STATUS, 404),
        # Python takes the interim answers beside 100 for the answer.
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n", Failure.STATUS, 103),
    ],
)
def test_each_fault_is_named_in_time_and_the_notice_is_sent_again(
    owner, receiver, secret, answer, failure, status, is_genuine
):
    good, receiver.answer = receiver.answer, answer
    change_elsewhere(owner)
    began = time.monotonic()
    tell()
    assert time.monotonic() - began < faults.PATIENCE / 2
    delivery = last()
    assert (delivery.state, delivery.failure, delivery.status) == (State.WAITING, failure, status)
    assert delivery.next_try_at > timezone.now() + timedelta(seconds=20)
    receiver.answer = good
    tell()
    later(seconds=31)
    tell()
    assert last().state == State.SENT
    assert {body["id"] for body in receiver.bodies} == {str(delivery.pk)}
    assert is_genuine(*receiver.requests[-1], secret)


def test_a_huge_answer_is_not_read(owner, receiver, secret):
    receiver.answer = faults.huge
    change_elsewhere(owner)
    began = time.monotonic()
    tell()
    assert time.monotonic() - began < faults.PATIENCE / 2
    assert last().state == State.SENT


def test_an_interim_answer_is_not_the_answer(owner, receiver, secret):
    receiver.answer = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n"
    change_elsewhere(owner)
    tell()
    assert last().state == State.SENT


def test_a_redirect_is_not_followed(owner, receiver, secret):
    other = Receiver()
    receiver.answer = faults.redirect_to(other.address)
    change_elsewhere(owner)
    tell()
    assert (last().failure, last().status) == (Failure.REDIRECT, 307)
    assert not other.requests
    other.close()


def test_nobody_who_listens_is_a_failure_too(owner, receiver, secret):
    receiver.close()
    change_elsewhere(owner)
    tell()
    assert last().failure == Failure.UNREACHABLE


def test_the_pauses_grow_until_it_is_given_up(owner, receiver, secret):
    receiver.answer = b"HTTP/1.1 503 Busy\r\n\r\n"
    change_elsewhere(owner)
    pauses = []
    for _ in deliveries.RETRY_DELAYS:
        tell()
        pauses.append(round((last().next_try_at - last().tried_at).total_seconds(), -1))
        later(hours=9)
    tell()
    assert pauses == sorted(pauses)
    assert (last().state, last().tries) == (State.GIVEN_UP, len(deliveries.RETRY_DELAYS) + 1)


# --- TLS ---------------------------------------------------------------------------------------------------


@pytest.fixture
def with_tls(tmp_path, monkeypatch):
    """Return a function that starts a receiver with a certificate for these names, which is trusted."""
    authority, started = Authority(tmp_path / "authority"), []
    monkeypatch.setenv("SSL_CERT_FILE", authority.file)
    webhooks._tls.cache_clear()

    def with_tls(*names, **options):
        started.append(Receiver(tls=authority.server(*names), **options))
        return started[-1]

    yield with_tls
    webhooks._tls.cache_clear()
    for each in started:
        each.close()


@pytest.fixture
def names(monkeypatch):
    """Return the names that lead somewhere: a name and its addresses, one list for each question."""
    known = {}
    ask = addresses.socket.getaddrinfo

    def answer(host, port, *args, **options):
        if host not in known:
            return ask(host, port, *args, **options)
        found = known[host].pop(0) if len(known[host]) > 1 else known[host][0]
        return [
            (addresses.socket.AF_INET, addresses.socket.SOCK_STREAM, 6, "", (each, port)) for each in found
        ]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", answer)
    return known


def test_a_receiver_with_tls_is_asked_by_its_name(owner, with_tls, names):
    receiver = with_tls("hooks.example.com")
    names["hooks.example.com"] = [["127.0.0.1"]]
    set_webhook(owner, f"https://hooks.example.com:{receiver.port}/")
    change_elsewhere(owner)
    tell()
    assert last().state == State.SENT
    assert receiver.requests[0][0]["host"] == f"hooks.example.com:{receiver.port}"


def test_a_certificate_of_another_name_or_authority_is_not_accepted(owner, with_tls, names, tmp_path):
    for receiver in (
        with_tls("others.example.com"),
        Receiver(tls=Authority(tmp_path / "another").server("hooks.example.com")),
    ):
        names["hooks.example.com"] = [["127.0.0.1"]]
        set_webhook(owner, f"https://hooks.example.com:{receiver.port}/")
        change_elsewhere(owner)
        tell()
        assert last().failure == Failure.CERTIFICATE
        assert not receiver.requests
        receiver.close()


def test_a_receiver_without_tls_is_told_nothing_over_https(owner, receiver, names):
    names["hooks.example.com"] = [["127.0.0.1"]]
    set_webhook(owner, f"https://hooks.example.com:{receiver.port}/")
    change_elsewhere(owner)
    tell()
    assert last().failure in (Failure.TLS, Failure.TIMEOUT, Failure.NO_HTTP, Failure.UNREACHABLE)
    assert not receiver.requests


def test_a_name_that_leads_elsewhere_by_the_time_of_sending_is_not_followed(owner, with_tls, names):
    receiver = with_tls("hooks.example.com")
    names["hooks.example.com"] = [["127.0.0.1"]]
    set_webhook(owner, f"https://hooks.example.com:{receiver.port}/")
    names["hooks.example.com"] = [["169.254.169.254"]]
    change_elsewhere(owner)
    tell()
    assert last().failure == Failure.ADDRESS
    assert not receiver.requests


def test_the_name_is_asked_for_once_so_that_no_second_answer_leads_elsewhere(owner, with_tls, names):
    receiver = with_tls("hooks.example.com")
    names["hooks.example.com"] = [["127.0.0.1"]]
    set_webhook(owner, f"https://hooks.example.com:{receiver.port}/")
    # A connection that asked again would go to an address where nobody is.
    names["hooks.example.com"] = [["127.0.0.1"], ["127.0.0.9"]]
    change_elsewhere(owner)
    tell()
    assert last().state == State.SENT


def test_the_next_address_is_tried_whatever_is_wrong_with_those_before(owner, with_tls, names, monkeypatch):
    monkeypatch.setattr(webhooks, "DEADLINE", 3)
    receiver = with_tls("hooks.example.com")
    wrong = with_tls("others.example.com", place=("127.0.0.2", receiver.port))
    # Nobody leads there; one accepts and says nothing; one has another certificate; nobody listens.
    unreachable, silent, refused = "fd00::1", "127.0.0.3", "127.0.0.4"
    names["hooks.example.com"] = [[unreachable, silent, "127.0.0.2", refused, "127.0.0.1"]]
    with socket.create_server((silent, receiver.port)):
        set_webhook(owner, f"https://hooks.example.com:{receiver.port}/")
        change_elsewhere(owner)
        tell()
    assert last().state == State.SENT
    assert (len(receiver.requests), len(wrong.requests)) == (1, 0)


def test_each_of_many_addresses_has_its_part_of_the_time(owner, with_tls, names, monkeypatch):
    monkeypatch.setattr(webhooks, "DEADLINE", 3)
    receiver = with_tls("hooks.example.com")
    silent = [f"127.0.0.{number}" for number in range(10, 20)]
    names["hooks.example.com"] = [[*silent, "127.0.0.1"]]
    with ExitStack() as open_ones:
        for place in silent:
            open_ones.enter_context(socket.create_server((place, receiver.port)))
        set_webhook(owner, f"https://hooks.example.com:{receiver.port}/")
        change_elsewhere(owner)
        tell()
    assert last().state == State.SENT


def test_what_one_address_may_have_taken_is_not_sent_to_the_next(owner, receiver, names):
    receiver.answer = faults.hang_up
    other = Receiver(place=("127.0.0.2", receiver.port))
    names["hooks.localhost"] = [["127.0.0.1", "127.0.0.2"]]
    set_webhook(owner, f"http://hooks.localhost:{receiver.port}/")
    change_elsewhere(owner)
    tell()
    assert last().failure == Failure.NO_HTTP
    assert (len(receiver.requests), len(other.requests)) == (1, 0)
    other.close()


def test_a_plain_receiver_is_found_at_the_second_address_of_this_machine(owner, receiver, names):
    names["localhost"] = [["127.0.0.2", "127.0.0.1"]]
    set_webhook(owner, f"http://localhost:{receiver.port}/")
    change_elsewhere(owner)
    tell()
    assert last().state == State.SENT
    assert receiver.requests[0][0]["host"] == f"localhost:{receiver.port}"


# --- Addresses ---------------------------------------------------------------------------------------------

Refusal = addresses.Refusal


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://hooks.example.com/", Refusal.PLAIN),
        ("ftp://hooks.example.com/", Refusal.FORM),
        ("hooks.example.com", Refusal.FORM),
        ("https://", Refusal.FORM),
        ("https://name:password@hooks.example.com/", Refusal.FORM),
        ("https://hooks.example.com/#part", Refusal.FORM),
        ("https://hooks.example.com:99999/", Refusal.FORM),
        ("https://hooks.example.com:0/", Refusal.FORM),
        ("https://hooks.example.com/a b", Refusal.FORM),
        ("https://hooks.example.com/\r\nX-Other: 1", Refusal.FORM),
        ("https://гачки.example.com/", Refusal.FORM),
        ("https://hooks.example.com/" + "x" * 500, Refusal.FORM),
        ("https://[::1", Refusal.FORM),
        ("https://loyalty.example.com/hook", Refusal.OWN),
        ("https://dashboard.example.com/hook", Refusal.OWN),
        ("https://Dashboard.Example.com./hook", Refusal.OWN),
        ("https://example.org/hook", Refusal.OWN),
        ("https://dashboard.example.org/hook", Refusal.OWN),
        ("https://[2001:db8::1]/hook", Refusal.OWN),
    ],
)
def test_an_address_of_another_form_is_refused(settings, address, reason):
    settings.ALLOWED_HOSTS = ["dashboard.example.com", ".Example.org", "[2001:db8::1]", "127.0.0.1"]
    with pytest.raises(addresses.AddressRefused) as refused:
        addresses.parse_address(address)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("https://169.254.169.254/latest/meta-data/", Refusal.FORBIDDEN),
        ("https://[fe80::1]/", Refusal.FORBIDDEN),
        ("https://[::ffff:169.254.169.254]/", Refusal.FORBIDDEN),
        ("https://0.0.0.0:9000/", Refusal.FORBIDDEN),
        ("https://[::]:9000/", Refusal.FORBIDDEN),
        ("https://224.0.0.1/", Refusal.FORBIDDEN),
        ("https://240.0.0.1/", Refusal.FORBIDDEN),
        ("http://127.0.0.1:5432/", Refusal.OWN),
        ("http://127.0.0.1:6379/", Refusal.OWN),
        ("http://127.1.2.3:6379/", Refusal.OWN),
        ("http://[::1]:6379/", Refusal.OWN),
        ("https://[::ffff:127.0.0.1]:6379/", Refusal.OWN),
        ("http://localhost:8000/", Refusal.OWN),
        ("http://localhost:22/", Refusal.OWN),
        ("http://localhost/", Refusal.OWN),
        ("http://127.0.0.1:5544/", Refusal.OWN),
        ("http://127.0.0.1:6544/", Refusal.OWN),
        ("http://127.0.0.1:2544/", Refusal.OWN),
        ("http://127.0.0.1:3544/", Refusal.OWN),
        ("http://127.0.0.1:8544/", Refusal.OWN),
        ("https://10.0.0.7:5544/", Refusal.OWN),
        ("https://no-such-name.invalid/", Refusal.NO_NAME),
    ],
)
def test_a_service_of_this_machine_and_a_part_of_the_network_are_refused(
    settings, monkeypatch, address, reason
):
    monkeypatch.setitem(settings.DATABASES, "default", settings.DATABASES["default"] | {"PORT": "5544"})
    monkeypatch.setitem(settings.CACHES, "default", {"LOCATION": "redis://127.0.0.1:6544/1"})
    settings.EMAIL_ENABLED = True
    settings.MAILERS = {"default": {"OPTIONS": {"port": 2544}}}
    settings.POSTER_API_URL = "http://127.0.0.1:8544/{account}/api/"
    settings.POSTER_PROXY = "http://proxy.example.com:3544"
    with pytest.raises(addresses.AddressRefused) as refused:
        addresses.resolve_target(addresses.parse_address(address))
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "host",
    [
        # Addresses that tell a server in a cloud its passwords: Alibaba, Azure, Oracle, AWS, Google, Scaleway
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "[fd00:ec2::254]",
        "[fd00:ec2::23]",
        "[fd20:ce::254]",
        "[fd00:42::42]",
        # 169.254.169.254 by 6to4, Teredo, NAT64 (both prefixes), mapped, compatible, translated
        "[2002:a9fe:a9fe::]",
        "[2002:a9fe:a9fe::1]",
        "[2001:0:a9fe:a9fe:8000:63bf:5601:5601]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[::ffff:a9fe:a9fe]",
        "[::a9fe:a9fe]",
        "[::ffff:0:a9fe:a9fe]",
        # This machine and a company's network by the same ways
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a00:7]",
        "[2002:7f00:1::]",
        "[2002:a00:7::1]",
        # Shared by a provider's customers, site-local, for tests and documents, of this network, broadcast
        "100.64.0.1",
        "100.127.255.254",
        "[fec0::1]",
        "198.18.0.1",
        "192.0.2.1",
        "[2001:db8::1]",
        "[100::1]",
        "0.1.2.3",
        "255.255.255.255",
        "239.1.1.1",
        "[ff02::1]",
        "[ff0e::1]",
    ],
)
def test_an_address_that_no_receiver_can_have_is_refused(host):
    with pytest.raises(addresses.AddressRefused) as refused:
        addresses.resolve_target(addresses.parse_address(f"https://{host}/"))
    assert refused.value.reason == Refusal.FORBIDDEN


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8",
        "[2606:4700::1111]",
        "[64:ff9b::808:808]",
        "[::ffff:8.8.8.8]",
        "100.63.255.255",
        "100.128.0.1",
        "10.0.0.7",
        "172.31.0.1",
        "192.168.1.1",
        "[::ffff:10.0.0.7]",
        "[fd12:3456::1]",
    ],
)
def test_a_receiver_in_the_internet_or_in_the_company_is_allowed(host):
    assert addresses.resolve_target(addresses.parse_address(f"https://{host}/"))


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9000/x", "http://[::1]:9000/", "https://10.0.0.7/hook"]
)
def test_a_receiver_on_this_machine_or_in_the_company_is_allowed(address, settings):
    settings.ALLOWED_HOSTS = ["127.0.0.1", "[::1]"]
    assert addresses.resolve_target(addresses.parse_address(address))


@pytest.mark.parametrize("place", ["127.0.0.1", "10.0.0.1"])
def test_a_public_name_that_leads_to_this_machine_is_judged_as_this_machine(names, place, monkeypatch):
    monkeypatch.setattr(addresses, "is_of_this_machine", lambda _address: True)
    names["hooks.example.com"] = [["93.184.215.14", place]]
    with pytest.raises(addresses.AddressRefused) as refused:
        addresses.resolve_target(addresses.parse_address("https://hooks.example.com/"))
    assert refused.value.reason == Refusal.OWN


def test_the_addresses_of_this_machine_are_recognised():
    assert addresses.is_of_this_machine(addresses.ip_address("127.0.0.1"))
    assert not addresses.is_of_this_machine(addresses.ip_address("93.184.215.14"))


def test_a_name_that_also_leads_to_a_refused_address_is_refused_as_a_whole(names):
    names["hooks.example.com"] = [["93.184.215.14", "169.254.169.254"]]
    with pytest.raises(addresses.AddressRefused):
        addresses.resolve_target(addresses.parse_address("https://hooks.example.com/"))


def test_a_plain_name_may_not_lead_off_this_machine(names):
    names["hook.localhost"] = [["93.184.215.14"]]
    with pytest.raises(addresses.AddressRefused) as refused:
        addresses.resolve_target(addresses.parse_address("http://hook.localhost:9000/"))
    assert refused.value.reason == Refusal.PLAIN


# --- Who sets it, and until when it holds -------------------------------------------------------------------


def test_owners_alone_set_renew_and_remove_it(staff, owner, receiver):
    credentials = staff.credentials
    with pytest.raises(PermissionDenied):
        webhooks.save_webhook(credentials, address=receiver.address, kinds=["job"])
    with pytest.raises(PermissionDenied):
        webhooks.renew_secret(credentials)
    with pytest.raises(PermissionDenied):
        webhooks.remove_webhook(credentials)
    assert not Webhook.objects.exists()


def test_a_new_address_has_a_new_secret_and_the_old_one_gets_nothing_more(owner, receiver, secret):
    receiver.answer = b"HTTP/1.1 503 Busy\r\n\r\n"
    change_elsewhere(owner)
    tell()
    other = Receiver()
    assert set_webhook(owner, other.address) not in ("", secret)
    later(hours=9)
    change_elsewhere(owner)
    tell()
    assert (len(receiver.requests), len(other.requests)) == (1, 1)
    other.close()


def test_other_kinds_keep_address_and_secret(owner, receiver, secret, is_genuine):
    assert set_webhook(owner, "", ["job"]) == ""
    change_elsewhere(owner)
    tell()
    assert not receiver.requests
    set_webhook(owner, "", ["elsewhere"])
    change_elsewhere(owner)
    tell()
    assert is_genuine(*receiver.requests[0], secret)


def test_a_kind_that_is_chosen_later_is_told_from_then_on_and_the_others_lose_nothing(
    owner, receiver, secret
):
    set_webhook(owner, "", ["job"])
    change_elsewhere(owner)
    saved_job(owner, state=Job.State.DONE, finished_at=timezone.now())
    set_webhook(owner, "", ["job", "elsewhere"])
    change_elsewhere(owner)
    tell()
    assert [each["kind"] for each in receiver.bodies[0]["notices"]] == ["job", "elsewhere"]


def test_the_kind_of_a_feature_that_is_off_stays_as_it_was_chosen(owner, receiver, secret):
    Webhook.objects.update(kinds={"job": "2026-01-01T00:00:00+00:00", "weather": "2026-01-01T00:00:00+00:00"})
    for address in ("", receiver.address):
        set_webhook(owner, address, ["elsewhere"])
        assert set(Webhook.objects.get().kinds) == {"elsewhere", "weather"}


def test_a_request_waits_while_the_token_of_the_webhooks_owner_counts_as_refused(
    owner, staff, receiver, secret
):
    credentials = PosterCredentials.objects.filter(user=owner)
    change_elsewhere(staff)
    outbox.write_notices()
    credentials.update(refused_at=timezone.now())
    tell()
    assert not receiver.requests
    credentials.update(refused_at=None)
    later(minutes=1)
    tell()
    assert len(receiver.requests) == 1


def test_a_kind_that_the_webhook_no_longer_gets_takes_its_waiting_notices_along(owner, receiver, secret):
    receiver.answer = faults.hang_up
    change_elsewhere(owner)
    tell()
    assert Delivery.objects.waiting().exists()
    set_webhook(owner, "", ["job"])
    later(minutes=1)
    tell()
    assert len(receiver.requests) == 1
    assert not Notice.objects.exists()


def test_without_its_owner_nothing_is_sent(owner, staff, receiver, secret):
    change_elsewhere(staff)
    tell()
    for lose in (
        lambda: PosterCredentials.objects.filter(user=owner).update(refused_at=timezone.now()),
        owner.groups.clear,
        lambda: PosterCredentials.objects.filter(user=owner).delete(),
    ):
        lose()
        change_elsewhere(staff)
        tell()
    assert len(receiver.requests) == 1


def test_nothing_of_another_account_is_sent(owner, outsider, receiver, secret):
    change_elsewhere(outsider)
    tell()
    assert not receiver.requests


def test_it_is_written_down_who_set_it_without_the_address(owner, receiver, secret):
    webhooks.remove_webhook(owner.credentials)
    kinds = SecurityEvent.objects.filter(kind__startswith="webhook").values_list("kind", "detail")
    shown = f"http://127.0.0.1:{receiver.port}/…"
    told = ", ".join(["demo", *KINDS, shown])
    assert set(kinds) == {(Event.WEBHOOK_SET, told), (Event.WEBHOOK_REMOVED, "demo")}


def test_address_and_secret_are_encrypted_and_in_no_log(owner, receiver, secret, caplog, settings):
    caplog.set_level(logging.DEBUG)
    receiver.answer = b"HTTP/1.1 500 Oops\r\n\r\nwords-of-the-receiver"
    change_elsewhere(owner)
    tell()
    row = str(Webhook.objects.values().get())
    for text in (caplog.text, row, str(Delivery.objects.values())):
        assert "channel=7" not in text
        assert secret.removeprefix("whsec_") not in text
        assert "words-of-the-receiver" not in text


def test_an_address_that_no_key_opens_is_a_failure_in_words(owner, receiver, secret):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE groups_webhook SET address = 'v1:nonsense'")
    change_elsewhere(owner)
    tell()
    assert last().failure == Failure.SECRET


def test_a_long_text_is_cut_and_the_notices_are_whole(owner, receiver, secret):
    for _ in range(60):
        change_elsewhere(owner, group_name="Г" * 300)
    tell()
    (body,) = receiver.bodies
    assert len(body["text"]) == webhooks.LONGEST_TEXT
    assert len(body["notices"]) == 60
    assert set(KINDS) >= {each["kind"] for each in body["notices"]}
