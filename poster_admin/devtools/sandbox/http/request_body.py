"""Parameters in the body of a POST, in the three encodings that Poster's clients send."""

import json
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl


def parameters(headers: Message, body: bytes) -> dict[str, str]:
    """Return the parameters of a form, a multipart form or a JSON object; none for any other body.

    As in PHP the last of two equal names counts, and a file is no parameter. A number in JSON keeps its
    spelling; null, lists and objects are left out.
    """
    match headers.get_content_type():
        case "application/x-www-form-urlencoded":
            return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        case "multipart/form-data":
            return _multipart(headers["Content-Type"], body)
        case "application/json":
            return _json(body)
    return {}


def _multipart(content_type: str, body: bytes) -> dict[str, str]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    found = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        name, content = part.get_param("name", header="Content-Disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes) and part.get_filename() is None:
            found[name] = content.decode("utf-8", "replace")
    return found


def _json(body: bytes) -> dict[str, str]:
    try:
        content = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    texts = {name: str(int(value)) if isinstance(value, bool) else value for name, value in content.items()}
    # Replace lone surrogates: no answer could be encoded with them.
    return {
        name: value.encode("utf-8", "replace").decode()
        for name, value in texts.items()
        if isinstance(value, str)
    }
