"""Whose request it is: one name an account, however many keys it mints, and the same name as in the logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

SHARED_USERS = frozenset({"default_user_id"})  # What LiteLLM calls its administrator, and whoever uses their key.
SHARED_KEYS = frozenset({"litellm_proxy_master_key"})
ACCOUNT_HEADER = "x-stillwatch-account"
ADDRESS_HEADER = "x-stillwatch-address"
KEY_HEADERS = ("authorization", "x-api-key", "api-key")
_NAME_LENGTH_MOST = 256


def litellm_account(user: object, organisation: object, key_hash: object, end_user: object) -> str:
    """Return the account of a request that LiteLLM has let in.

    The user comes first and the organisation second, since a limit on a key is escaped by minting another. The
    administrator's own key is told apart by the end user that its requests name, as the reader of LiteLLM's spend logs
    does it, so that a scan of those and this door agree.

    Args:
        user: ``user_api_key_user_id``.
        organisation: ``user_api_key_org_id``.
        key_hash: ``user_api_key_hash``; never a key itself.
        end_user: ``user_api_key_end_user_id``, which the client chooses: nothing but the administrator's traffic and
            requests without any other name go by it.

    Returns:
        Empty if the request has no name at all.
    """
    names = [str(name) if name else "" for name in (user, organisation, key_hash, end_user)]
    if names[0] in SHARED_USERS or names[2] in SHARED_KEYS:
        return names[3] or names[0] or names[2]
    return next((name for name in names if name), "")


def header_account(headers: Mapping[str, str], hash_one: Callable[[str, str], int]) -> str:
    """Return the account of a request behind a gateway: as the gateway names it, else by its key, else by its address.

    The names made of keys and addresses are those of our own proxy, so that its logs and standings hold here too.

    Args:
        headers: Names in lower case. The gateway must set or remove ``x-stillwatch-account`` and
            ``x-stillwatch-address`` itself, or clients choose who they are.
        hash_one: ``Pseudonyms.hash_one``.

    Returns:
        Empty if there is neither name nor key nor address.
    """
    named = headers.get(ACCOUNT_HEADER, "").strip()
    if named:
        return named[:_NAME_LENGTH_MOST]
    for name in KEY_HEADERS:
        if value := headers.get(name, "").strip():
            scheme, _, credential = value.partition(" ")
            secret = credential.strip() if credential and scheme.lower() == "bearer" else value
            return f"key_{hash_one('api_key', secret):016x}"
    address = headers.get(ADDRESS_HEADER, "").strip()
    return f"address_{hash_one('client_address', address):016x}" if address else ""


def spare_keys(headers: Mapping[str, str]) -> list[str]:
    """Return the fields with keys beyond the one that counts, which must not reach the model server.

    Otherwise somebody is decided about under one key and served under another.
    """
    held = [name for name in KEY_HEADERS if headers.get(name, "").strip()]
    return held[1:]
