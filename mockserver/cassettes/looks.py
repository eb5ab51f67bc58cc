"""What secrets look like, what carries them by its name, and what stands in their place (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator

PLACEHOLDER = re.compile(r"redacted-(?:(?:key|cookie|value)-\d+|\d+@example\.com)", re.ASCII)
"""What stands in a secret's place; in a cassette each kind is numbered from 1."""

SHORTEST_WORD = 12
_LOCAL_PART = 64

# What carries credentials, by its name

SECRET_HEADER = re.compile(
    rb"(?:.*[-_])?(?:(?:api|access|secret|private|subscription|auth|master)[-_]?key|auth|authorization|token|secret"
    rb"|password|passwd|credentials?|signature)(?:-\d+)?"
)
NOT_SECRET_HEADERS = frozenset((b"www-authenticate", b"proxy-authenticate", b"x-token", b"access-control-allow-auth"))
SECRET_FIELDS = frozenset(
    "apikey accesstoken refreshtoken idtoken authtoken sessiontoken securitytoken bearertoken clientsecret secret"
    " secretkey secretaccesskey password passwd pwd passphrase privatekey accesskey authorization apisecret apitoken"
    " clientassertion webhooksecret signingsecret xamzsecuritytoken".split()
)
SECRET_PARAMETERS = SECRET_FIELDS | frozenset(
    "token auth sig signature credential credentials xamzsignature xamzcredential xgoogsignature xgoogcredential"
    " subscriptionkey assertion".split()
)
"""Names that say so in a query or a form; in JSON they are names of much else."""
STEMS = tuple(b"key token secret passw pwd passphrase authorization assertion".split())
NOT_IN_NAMES = str.maketrans("", "", "-_. []")

# What looks like a key, wherever it is: each begins with letters that can be found fast, and `(?<!...)` comes after.

_END = rb"(?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_LOOKS: tuple[tuple[bytes, re.Pattern[bytes]], ...] = tuple(
    (start, re.compile(pattern, re.DOTALL))
    for start, pattern in (
        (b"k_live_", rb"k_live_(?<=[spr]k_live_)[A-Za-z0-9]" + _END),
        (b"k_test_", rb"k_test_(?<=[spr]k_test_)[A-Za-z0-9]" + _END),
        (b"_sk_", rb"_sk_(?<=[A-Za-z0-9]_sk_)[A-Za-z0-9]" + _END),
        (b"sk-", rb"sk-(?<![A-Za-z0-9]sk-)(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}"),
        (b"whsec_", rb"whsec_[A-Za-z0-9+/=]{16,}"),
        (b"gh", rb"gh(?<![A-Za-z0-9]gh)[pousr]_[A-Za-z0-9]{30,}"),
        (b"github_pat_", rb"github_pat_[A-Za-z0-9_]{20,}"),
        (b"glpat-", rb"glpat-[A-Za-z0-9_-]{20,}"),
        (b"xox", rb"xox(?<![A-Za-z0-9]xox)[abeoprs]-[A-Za-z0-9-]{10,}"),
        (b"hooks.slack.com/services/", rb"(?<=hooks\.slack\.com/services/)T[A-Za-z0-9/]{20,}"),
        (b"AKIA", rb"AKIA(?<![A-Za-z0-9+/=]AKIA)[0-9A-Z]{16}(?![A-Za-z0-9+/=])"),
        (b"ASIA", rb"ASIA(?<![A-Za-z0-9+/=]ASIA)[0-9A-Z]{16}(?![A-Za-z0-9+/=])"),
        (b"AIza", rb"AIza(?<![A-Za-z0-9+/=]AIza)[A-Za-z0-9_-]{35}(?![A-Za-z0-9+/=])"),
        (b"ya29.", rb"ya29\.[A-Za-z0-9_-]{20,}"),
        (b"hf_", rb"hf_(?<![A-Za-z0-9_]hf_)[A-Za-z0-9]{30,}"),
        (b"npm_", rb"npm_(?<![A-Za-z0-9_]npm_)[A-Za-z0-9]{36}"),
        (b"SG.", rb"SG\.(?<![A-Za-z0-9]SG\.)[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
        (b"eyJ", rb"eyJ(?<![A-Za-z0-9+/=_-]eyJ)[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"),
        (b"PRIVATE KEY", rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[^-]*"
         rb"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)?"),
        (b"earer", rb"(?<=[Bb]earer )(?=[A-Za-z._~+/=-]*[0-9])[A-Za-z0-9._~+/-]{8,}=*"),
        (b"BEARER", rb"(?<=BEARER )(?=[A-Za-z._~+/=-]*[0-9])[A-Za-z0-9._~+/-]{8,}=*"),
        (b"asic ", rb"(?<=[Bb]asic )(?=[A-Za-z+/]*[0-9=])[A-Za-z0-9+/]{12,}={0,2}"),
        (b"://", rb"(?<=://)[^/\s\"'<>@:\\?#]{0,256}:[^/\s\"'<>@\\?#]{1,512}(?=@)"),
    )
)  # fmt: skip
_BEFORE_KEY = re.compile(rb"[A-Za-z0-9]{1,32}\Z")
_IN_URL = re.compile(
    rb"[?&](?:amp;)?(?i:api[-_]?key|(?:access|refresh|auth|security|session)[-_]?token|token|sig|signature"
    rb"|client[-_]secret|password|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential))"
    rb"=([^&\s\"'#<>\\]+)"
)
_DOMAIN = re.compile(
    rb"(?:@|%40)(?:[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]{0,62})\.){1,8}[A-Za-z\x80-\xff][A-Za-z0-9\x80-\xff-]{1,62}"
)
_LOCAL = re.compile(rb"(?:[A-Za-z0-9!#$&'*+/=?^_`{|}~.\x80-\xff-]|%2[Bb])+\Z")
_LOCAL_EDGE = b"!#$&'*+/=?^_`{|}~.-"


def keys(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where something is that looks like a key."""
    for start, pattern in _LOOKS:
        if start in data:
            for match in pattern.finditer(data):
                first = match.start()
                if start in (b"k_live_", b"k_test_"):
                    first -= 1
                elif start == b"_sk_":
                    before = _BEFORE_KEY.search(data, max(0, first - 32), first)
                    first = before.start() if before else first
                yield first, match.end()
    if b"=" in data and (b"?" in data or b"&" in data):
        for match in _IN_URL.finditer(data):
            yield match.span(1)


def addresses(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where e-mail addresses are."""
    if b"@" not in data and b"%40" not in data:
        return
    for match in _DOMAIN.finditer(data):
        before = _LOCAL.search(data, max(0, match.start() - _LOCAL_PART), match.start())
        if before is not None:
            local = before[0].lstrip(_LOCAL_EDGE)
            if local:
                yield match.start() - len(local), match.end()


def is_secret_name(name: str) -> bool:
    """Whether what a field or parameter of this name holds travels as a credential."""
    return name.lower().translate(NOT_IN_NAMES) in SECRET_PARAMETERS


def concealed(text: str) -> str:
    """Return a text for a message, without what looks like a key or an e-mail address."""
    data = text.encode("utf-8", "surrogatepass")
    for start, end in sorted({*keys(data), *addresses(data)}, reverse=True):
        if PLACEHOLDER.fullmatch(data[start:end].decode("utf-8", "replace")) is None:
            data = data[:start] + b"(not shown)" + data[end:]
    return data.decode("utf-8", "replace")


def is_unlikely(value: bytes) -> bool:
    """Tell whether a value is no word that stands in any text, so that it can be looked for everywhere."""
    return not (len(value) < SHORTEST_WORD and (value.isalpha() or value.isdigit()))


def is_token(value: bytes) -> bool:
    """Tell whether what a field named `token` holds is a credential, and no word."""
    return len(value) >= 20 and re.search(rb"[0-9]", value) is not None and re.search(rb"\s", value) is None
