"""Define the settings of the site, each read from the environment; `.env.example` lists them.

NAME_FILE may name a file that holds the value of NAME, for secrets.
"""

from collections.abc import MutableMapping
from contextlib import suppress
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.fernet import Fernet
from django.utils.csp import CSP

from poster_admin import env as environment

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environment.Environment(BASE_DIR / ".env")
# Holds all that a single machine has to keep: keys that nobody has set, database, cache and backups.
DATA_DIR = env.read("DATA_DIR", environment.folder, default=None)
env.finish()  # a folder that is wrong would make others wrong: it is the only line then
if DATA_DIR:
    env.make_missing_keys(DATA_DIR)

# --- Installation ----------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", default=False)
# True: TLS ends here, or at a proxy that sets X-Forwarded-Proto. False: plain HTTP on an intranet.
HTTPS = env.flag("HTTPS", default=True)
_here = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = env.items(
    "ALLOWED_HOSTS", environment.is_host, "names without scheme and port", default=_here
)
env.require("ALLOWED_HOSTS", ALLOWED_HOSTS, "is empty: no address would lead here")
env.require("ALLOWED_HOSTS", DEBUG or "*" not in ALLOWED_HOSTS, "has *: name the hosts of the dashboard")
CSRF_TRUSTED_ORIGINS = env.items(
    "CSRF_TRUSTED_ORIGINS", environment.is_origin, "origins such as https://loyalty.example.com", default=[]
)

_FOR_DEBUG_ONLY = "for-debugging-only-" + "0123456789" * 5
SECRET_KEY = env.text("SECRET_KEY", default=_FOR_DEBUG_ONLY if DEBUG else "")
env.require("SECRET_KEY", len(SECRET_KEY) >= 50, "is missing or shorter than 50 characters")

# --- Poster ----------------------------------------------------------------------------------------------

# {account} is replaced by the name of the user's Poster account; some accounts live on the bare domain.
POSTER_API_URL = env.address("POSTER_API_URL", default="https://{account}.joinposter.com/api/", plain=DEBUG)
# The way out of a company's network; the Poster client ignores HTTPS_PROXY and REQUESTS_CA_BUNDLE.
POSTER_PROXY = env.read("POSTER_PROXY", environment.proxy, default="")
# The authorities to trust for Poster, instead of certifi's.
POSTER_CA_FILE = env.read("POSTER_CA_FILE", environment.certificates, default="")
POSTER_CONNECT_TIMEOUT = env.number("POSTER_CONNECT_TIMEOUT", default=3.0, least=0.1)
POSTER_READ_TIMEOUT = env.number("POSTER_READ_TIMEOUT", default=8.0, least=0.1)
# Longest time that a page waits for Poster, retry included.
POSTER_READ_DEADLINE = env.number("POSTER_READ_DEADLINE", default=12.0, least=1, most=600)
# Longest time for a write, from the journal to the answer: read before, send, read after.
POSTER_WRITE_DEADLINE = env.number("POSTER_WRITE_DEADLINE", default=30.0, least=1, most=600)
# Time after the deadline of a write in which only its sender may settle it: the sender may be slow, not dead.
POSTER_GRACE_SECONDS = 15.0
# A write whose answer was lost counts as not applied only after this long, by a read that succeeded: nobody
# knows how late Poster may apply it.
POSTER_SETTLE_SECONDS = 1800.0
# A read that shows anything but the intended values is believed when another one confirms it this much later.
POSTER_CONFIRM_SECONDS = 3.0
# Poster may read from a replica: for this long a read may show values that an earlier change has replaced.
POSTER_LAG_SECONDS = 90.0
# The worker checks this often for changes made elsewhere, where an owner has switched that on; 0: never.
POSTER_WATCH_SECONDS = env.number("POSTER_WATCH_SECONDS", default=300.0)
# Criteria of every night run at this hour; after a pause that is no whole days at any hour; 0: never.
CRITERIA_HOUR = env.number("CRITERIA_HOUR", default=4, most=23)
CRITERIA_SECONDS = env.number("CRITERIA_SECONDS", default=86_400)
# Where that watch is on, the worker reads this often who has come into a group and who has left; 0: never.
MOVEMENT_SECONDS = env.number("MOVEMENT_SECONDS", default=86_400)
# There it also adds up this often what the groups' clients own, buy, get and spend; 0: never.
FIGURES_SECONDS = env.number("FIGURES_SECONDS", default=86_400)
# Movements, which are ids of clients and groups, are kept this long.
MOVEMENT_DAYS = env.number("MOVEMENT_DAYS", default=90, least=1)
# Seconds, in no variable, since the tests alone have others: before a second attempt, at random between these
# two; before each check after a write; before a worker's first checks of a write whose answer was lost.
POSTER_RETRY_PAUSE = (0.05, 0.2)
POSTER_READ_PAUSES = (0.0, 1.0, 3.0)
POSTER_RECHECK_PAUSES = (2.0, 10.0, 30.0, 90.0)
# A write that Poster accepted, and that no check has shown for this long, needs a person.
POSTER_ABSENT_SECONDS = max(120.0, POSTER_LAG_SECONDS)
# A job waits so while Poster is away, and stops after JOB_MAX_WAIT, to be resumed by a user.
JOB_RETRY_PAUSES, JOB_MAX_WAIT = (5.0, 10.0, 20.0, 40.0, 60.0), 15 * 60.0
JOB_READ_PAUSE = 1.0
# 0: each page asks Poster.
POSTER_CACHE_SECONDS = env.number("POSTER_CACHE_SECONDS", default=30.0)
# Most calls of one account under way at once in a process; the threads of a job.
POSTER_MAX_CONCURRENCY = 4
# A job without a heartbeat for this long is taken over by another worker.
JOB_LEASE_SECONDS = 10.0
# Snapshots of groups that were moved or removed, with names and phone numbers, are kept this long.
SNAPSHOT_DAYS = env.number("SNAPSHOT_DAYS", default=90, least=1)
# Sign-ins and changed rights, with names and addresses.
SECURITY_LOG_DAYS = env.number("SECURITY_LOG_DAYS", default=365, least=1)
# Fernet keys, newest first. Separate from SECRET_KEY: ending all sessions must not lose the tokens.
POSTER_TOKEN_KEYS = env.items(
    "POSTER_TOKEN_KEYS", Fernet, "Fernet keys", default=["x" * 43 + "="] if DEBUG else []
)
env.require("POSTER_TOKEN_KEYS", POSTER_TOKEN_KEYS, "is missing")

# --- The server ------------------------------------------------------------------------------------------

HOST = env.text("HOST", default="127.0.0.1")
PORT = env.number("PORT", default=8000, least=1, most=65535)
WORKERS = env.number("WORKERS", default=2, least=1, most=1000)
# 0: the workers run elsewhere.
JOB_WORKERS = env.number("JOB_WORKERS", default=1, most=1000)

# --- Applications ----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "groups",
    # Each feature stands after those that it needs.
    "groups.features.connection",
    "groups.features.snapshots",
    "groups.features.moves",
    "groups.features.insights",
    "groups.features.schedules",
    "groups.features.approvals",
    "groups.features.bulk",
    "groups.features.elsewhere",
    "groups.features.notices",
    "groups.features.client_lists",
    "groups.features.criteria",
    "groups.features.movements",
    "groups.features.figures",
    "groups.features.cards",
    "groups.features.saved_views",
    "poster_admin.users",
    "poster_admin.common",
    "poster_admin.site.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "axes",
]

MIDDLEWARE = [
    "poster_admin.common.middleware.request_id_and_timing",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "poster_admin.common.middleware.security_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "poster_admin.common.middleware.htmx_edge",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "poster_admin.users.middleware.SignInMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "poster_admin.common.middleware.page_for_405",
    "groups.views.http.PosterErrorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "poster_admin.urls"
WSGI_APPLICATION = "poster_admin.asgi.wsgi_application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "poster_admin.common.templatetags.drawing",
                "groups.templatetags.places",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "groups.views.http.page_context",
            ],
        },
    },
    # Parts of a page that repeat, in files `*.jinja`: docs/adr/0012-jinja2-for-rows.md.
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {"environment": "poster_admin.site.jinja_environment"},
    },
]

# --- Data ------------------------------------------------------------------------------------------------

with suppress(OSError):  # env.py reports it as a DATABASE_URL that cannot be written
    VAR_DIR.mkdir(mode=0o700, exist_ok=True)
_data = DATA_DIR or VAR_DIR
_sqlite = "sqlite:///" + quote(str(_data / environment.SQLITE_FILE))
_memory = environment.database(environment.IN_MEMORY)
DATABASES = {"default": env.read("DATABASE_URL", environment.database, default=_memory, missing=_sqlite)}
# One cache for all processes: in files on this machine, or in Redis.
_files = environment.cache("filecache://cache", base=_data)
CACHES = {"default": env.read("CACHE_URL", environment.cache, default=_files, base=BASE_DIR)}
# Where DATA_DIR is set, a worker backs up each night at this hour of the site's clock, and keeps so many.
BACKUP_HOUR = 2
BACKUP_KEEP = 14

# --- Authentication --------------------------------------------------------------------------------------

# Signs in by password, and by a passkey that stands for it.
SIGN_IN_BACKEND = "groups.permissions.CredentialsBackend"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", SIGN_IN_BACKEND]
# Proxies in front that may name the browser's address.
TRUSTED_PROXY_IPS = env.items(
    "TRUSTED_PROXY_IPS", environment.is_network, "addresses and networks", default=["127.0.0.1", "::1"]
)
for _network in map(environment.is_network, TRUSTED_PROXY_IPS):
    # At most 10.0.0.0/8, or one of a provider in IPv6. Those for companies there (fc00::/7) are larger, and
    # nobody outside is in them.
    env.require(
        "TRUSTED_PROXY_IPS",
        _network.prefixlen >= (8 if _network.version == 4 else 16) or _network.is_private,
        "has a network that is too large for proxies: anybody in it could pretend any address",
    )
# Maps groups of the company to roles: loyalty-owners=Owners,loyalty-staff=Staff
ROLES = ("Managers", "Staff", "Owners")
COMPANY_ROLES: dict[str, str] = env.read("COMPANY_ROLES", environment.pairs, default={})
env.require(
    "COMPANY_ROLES",
    set(COMPANY_ROLES.values()) <= set(ROLES),
    "names a role other than Managers, Staff and Owners",
)
REQUIRE_2FA = env.flag("REQUIRE_2FA", default=False)

# Its addresses and keys are found below this one: https://ISSUER/.well-known/openid-configuration.
OIDC_ISSUER = env.address("OIDC_ISSUER")
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.text("OIDC_CLIENT_SECRET")
OIDC_NAME_CLAIM = env.text("OIDC_NAME_CLAIM", default="preferred_username")
OIDC_GROUPS_CLAIM = env.text("OIDC_GROUPS_CLAIM", default="groups")
OIDC_SCOPES = env.text("OIDC_SCOPES", default="openid profile")
OIDC_ENABLED = bool(OIDC_CLIENT_ID)
env.require(
    "OIDC_CLIENT_ID",
    not OIDC_ENABLED or (OIDC_ISSUER and OIDC_CLIENT_SECRET),
    "is set, but OIDC_ISSUER or OIDC_CLIENT_SECRET is missing",
)
if OIDC_ENABLED:
    AUTHENTICATION_BACKENDS.append("poster_admin.users.sso.CompanyBackend")

# Mail has invitations, links to a new password, and notices; without EMAIL_URL nobody is offered any.
_mailer: dict[str, Any] = env.read("EMAIL_URL", environment.mailer, default={}, plain=DEBUG or not HTTPS)
EMAIL_ENABLED = bool(_mailer)
if EMAIL_ENABLED:
    MAILERS = {"default": _mailer}
DEFAULT_FROM_EMAIL = (
    env.text("EMAIL_FROM") or f"poster-admin@{''.join(ALLOWED_HOSTS[:1]).lstrip('.*') or 'localhost'}"
)
_is_sender = DEFAULT_FROM_EMAIL.isprintable() and "@" in parseaddr(DEFAULT_FROM_EMAIL)[1]
env.require("EMAIL_FROM", _is_sender, "is not the address of a sender")
PASSWORD_RESET_TIMEOUT = 3600
# The address under which people reach the dashboard: a worker knows it from no request.
SITE_URL = env.address("SITE_URL", plain=DEBUG or not HTTPS)
# Notices in Telegram: its Bot API, or a server of the company's own that speaks it.
TELEGRAM_URL = "https://api.telegram.org"

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = ["poster_admin.users.limits.Argon2Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# The bounds of a name and of an address alone are in poster_admin.users.lockout.py.
AXES_HANDLER = "poster_admin.users.lockout.LockoutHandler"
AXES_USERNAME_CALLABLE = "poster_admin.users.lockout.counted_name"
AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "poster_admin.users.lockout.answer"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_CLIENT_IP_CALLABLE = "poster_admin.common.client_ip.client_network"
# The security log records the attempts instead.
AXES_DISABLE_ACCESS_LOG = True

# --- The browser -----------------------------------------------------------------------------------------

# 3 hours idle, 12 hours in all: users/models.py. Never kept in a cache of one process.
SESSION_ENGINE = "poster_admin.users.sessions"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# The __Host- prefix binds a cookie to this host and path; browsers accept it only over TLS.
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
# Messages name groups, and anybody at the PC could read them in the cookie that Django uses by default.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_FAILURE_VIEW = "poster_admin.common.middleware.csrf_failure"
LANGUAGE_COOKIE_NAME = "__Host-language" if HTTPS else "language"
# No script of the dashboard reads a cookie.
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = HTTPS
# Programs on this machine request these: a redirect would hide that a token was sent without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz/?$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
# Never for the names below: it would block each neighbour on an intranet that speaks plain HTTP, for a year.
# `check --deploy` advises it, and browsers' own lists besides.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
}
# The largest text is a list of clients, of 2 MB, as a form of a script may encode it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 3 * 1024 * 1024
# The largest form has 50 rows of criteria; twice as many are refused in words.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_200
# An uploaded file is kept in memory, never on the disk, and has 2 MB next to the rest of its form at most.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024 + 64 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 1

# --- Language, files, times ------------------------------------------------------------------------------

LANGUAGE_CODE = "uk"
# Each but English has a catalogue in LOCALE_PATHS. The names are as their own speakers write them.
LANGUAGES = [("uk", "Українська"), ("ru", "Русский"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "poster_admin" / "locale"]
# Django's English is American: 11/24/2026 10:29 p.m.
FORMAT_MODULE_PATH = "poster_admin.formats"
TIME_ZONE = env.read("TIME_ZONE", environment.time_zone, default="Europe/Kyiv")

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
# Each page names files by their hashed names, so the others are neither kept nor compressed.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_ALLOW_ALL_ORIGINS = False


def _add_headers(headers: MutableMapping[str, str], path: str, url: str) -> None:
    """Give a file a policy of its own: a first visit fetches more than twenty, which load nothing."""
    headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"


WHITENOISE_ADD_HEADERS_FUNCTION = _add_headers
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "poster_admin.site.StaticFilesStorage"
    },
}

# --- Logs and reports: no token in any of them -----------------------------------------------------------

LOG_FORMAT = env.text("LOG_FORMAT", default="line")
env.require("LOG_FORMAT", LOG_FORMAT in {"line", "json"}, "is not one of line, json")
SENTRY_DSN = env.read("SENTRY_DSN", environment.dsn, default="")
DEFAULT_EXCEPTION_REPORTER = "poster_admin.common.logs.RedactedReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "poster_admin.common.logs.CarefulFilter"
# Everything goes to the standard error.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # Filters belong to the handler: those of a logger do not see the records of its children.
    "filters": {
        "redact": {"()": "poster_admin.common.logs.RedactFilter"},
        "outages": {"()": "poster_admin.common.outages.OutageFilter"},
    },
    "formatters": {
        "line": {"()": "poster_admin.common.logs.formatter", "style": "line"},
        "json": {"()": "poster_admin.common.logs.formatter", "style": "json"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["redact"]},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "django.request": {"filters": ["outages"]},
        "django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        # Its warnings contain whole URLs, with the token: "Failed to parse headers (url=…)".
        "urllib3": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        # The log of jobs reports the same under the jobs' own names.
        "axes": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}

env.finish()
