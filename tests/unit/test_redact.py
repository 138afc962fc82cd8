from __future__ import annotations

import base64
import json
import urllib.parse

from hypothesis import given
from hypothesis import strategies as st

from yk8s_tui.runs.redact import REPLACEMENT, Redactor

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=8, max_size=40).filter(
    lambda text: text == text.strip() and text not in REPLACEMENT and len(set(text)) > 4
)


@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7))
def test_a_secret_is_found_in_every_form(secret: str, before: bytes, after: bytes) -> None:
    redactor = Redactor([secret])
    raw = secret.encode()
    forms = [
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
    ]
    for form in forms:
        assert redactor.text(f"x {form} y") == f"x {REPLACEMENT} y"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(before + raw + after).decode()
        assert REPLACEMENT in redactor.text(whole)
        kept = redactor.text(whole).replace(REPLACEMENT, "")
        assert len(kept) <= len(encode(before + b"\0" * 2 + after)) + 4


def test_nested_values_and_keys() -> None:
    redactor = Redactor(["s3cret-value"])
    assert redactor({"a": ["x s3cret-value", 17, None, {"s3cret-value": True}]}) == {
        "a": [f"x {REPLACEMENT}", 17, None, {REPLACEMENT: True}]
    }


def test_secrets_learned_later_and_short_ones() -> None:
    redactor = Redactor(["ab", "  "])
    assert redactor.text("ab and more") == "ab and more"
    redactor.add("later-one")
    assert redactor.text("now later-one") == f"now {REPLACEMENT}"


def test_longer_secrets_first() -> None:
    assert Redactor(["abcd", "abcd-efgh"]).text("abcd-efgh abcd") == f"{REPLACEMENT} {REPLACEMENT}"
