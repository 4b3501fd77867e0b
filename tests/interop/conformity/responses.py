"""The responses of the upstreams, by name."""

from .upstreams import UpstreamResponse


def response(line, *fields, body=b"", **behavior):
    head = "\r\n".join([f"HTTP/1.1 {line}", *fields]) + "\r\n\r\n"
    return UpstreamResponse(head.encode("latin-1") + body, **behavior)


def with_length(line, *fields, body=b"hello"):
    return response(line, *fields, f"Content-Length: {len(body)}", body=body)


def status(line, *fields):
    return with_length(line, "Content-Type: text/plain", *fields)


EXTERNAL = "https://gitlab.example.com"

RESPONSES = {
    "plain": status("200 OK"),
    "head": response("200 OK", "Content-Type: text/plain", "Content-Length: 5"),
    "head without length": response("200 OK", "Content-Type: text/plain"),
    "chunked": response(
        "200 OK", "Content-Type: text/plain", "Transfer-Encoding: chunked", body=b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    ),
    "trailers": response(
        "200 OK", "Content-Type: text/plain", "Trailer: X-Sum", "Transfer-Encoding: chunked",
        body=b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    ),
    "until close": response("200 OK", "Content-Type: text/plain", body=b"hello", closes=True),
    "http 1.0": UpstreamResponse(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello", closes=True),
    "empty": response("200 OK", "Content-Length: 0"),
    "no type": with_length("200 OK"),
    "json": with_length("200 OK", "Content-Type: application/json", body=b'{"a": 1}'),
    "cookies": status("200 OK", "Set-Cookie: a=1; Path=/; HttpOnly", "Set-Cookie: b=2; Secure; SameSite=None"),
    "own security headers": status(
        "200 OK", "Referrer-Policy: no-referrer", "Content-Security-Policy: default-src 'self'",
        "X-Frame-Options: SAMEORIGIN", "X-Content-Type-Options: nosniff",
    ),
    "own hsts": status("200 OK", "Strict-Transport-Security: max-age=1"),
    "server and date": status("200 OK", "Server: Upstream/1.0", "Date: Mon, 01 Jan 2024 00:00:00 GMT"),
    "for the proxy": status(
        "200 OK", "X-Accel-Buffering: no", "X-Accel-Expires: 0", "X-Accel-Charset: utf-8", "X-Accel-Foo: 1", "X-Pad: 1",
    ),
    "hop by hop": status("200 OK", "Connection: X-Hop, keep-alive", "Keep-Alive: timeout=5", "X-Hop: 1"),
    "caching": status(
        "200 OK", "ETag: \"abc\"", "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT", "Cache-Control: no-store",
        "Expires: 0", "Vary: Accept-Encoding, Origin", "Pragma: no-cache",
    ),
    "registry": with_length(
        "401 Unauthorized", "Content-Type: application/json", "Docker-Distribution-Api-Version: registry/2.0",
        'Www-Authenticate: Bearer realm="https://gitlab.example.com/jwt/auth",service="container_registry"',
        body=b"{}",
    ),
    "created": with_length("201 Created", f"Location: {EXTERNAL}/x", body=b"{}"),
    "accepted": response("202 Accepted", "Location: /v2/x/blobs/uploads/1", "Range: 0-0", "Content-Length: 0"),
    "no content": response("204 No Content", "X-Kept: 1"),
    "no content with length": response("204 No Content", "Content-Length: 0"),
    "partial": with_length(
        "206 Partial Content", "Content-Type: video/mp4", "Content-Range: bytes 0-4/10", "Accept-Ranges: bytes",
    ),
    "moved": with_length("301 Moved Permanently", f"Location: {EXTERNAL}/new?a=b", "Content-Type: text/html"),
    "found": with_length("302 Found", "Location: /relative/place"),
    "found over http": with_length("302 Found", "Location: http://gitlab-workhorse/place"),
    "found on another port": with_length("302 Found", "Location: http://localhost:1/x"),
    "see other": response("303 See Other", f"Location: {EXTERNAL}/%C3%A9", "Content-Length: 0"),
    "not modified": response("304 Not Modified", "ETag: \"abc\"", "Cache-Control: private"),
    "temporary": response("307 Temporary Redirect", "Location: /x", "Content-Length: 0"),
    "permanent": response("308 Permanent Redirect", "Location: /x", "Content-Length: 0"),
    "bad request": status("400 Bad Request"),
    "unauthorized": status("401 Unauthorized", "WWW-Authenticate: Basic realm=\"GitLab\""),
    "forbidden": status("403 Forbidden"),
    "not found": status("404 Not Found", "X-Request-Id: 1"),
    "not found as json": with_length("404 Not Found", "Content-Type: application/json", body=b'{"message":"404"}'),
    "teapot": status("418 I'm a teapot"),
    "unprocessable": status("422 Unprocessable Entity"),
    "too many": status("429 Too Many Requests", "Retry-After: 60", "RateLimit-Limit: 1"),
    "internal error": status("500 Internal Server Error"),
    "bad gateway": status("502 Bad Gateway"),
    "unavailable": status("503 Service Unavailable", "Retry-After: 5"),
    "gateway timeout": status("504 Gateway Timeout"),
    "own reason": status("200 Fine With Me"),
    "no reason": UpstreamResponse(b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello"),
    "odd status": status("299 Odd"),
    "long header": status("200 OK", "Content-Security-Policy: " + "a" * 3000),
    "longer header": status("200 OK", "X-Long: " + "a" * 6000),
    "many headers": status("200 OK", *(f"X-{number}: {number}" for number in range(60))),
    "latin header": status("200 OK", "Content-Disposition: attachment; filename=\"é.txt\""),
    "underscore header": status("200 OK", "x_under_score: 1"),
    "large": with_length("200 OK", "Content-Type: application/octet-stream", body=b"x" * 300_000),
    "text to compress": with_length("200 OK", "Content-Type: text/plain", body=b"hello " * 500),
    "tagged text": with_length("200 OK", "Content-Type: text/html; charset=utf-8", 'ETag: "abc"',
                               "Accept-Ranges: bytes", "Vary: Origin", body=b"hello " * 500),
    "short text": with_length("200 OK", "Content-Type: text/css", body=b"a" * 249),
    "text of 250": with_length("403 Forbidden", "Content-Type: TEXT/CSS", body=b"a" * 250),
    "stream of text": response("200 OK", "Content-Type: application/json", "Transfer-Encoding: chunked",
                               body=b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
    "compressed text": with_length("200 OK", "Content-Type: text/css", "Content-Encoding: br", body=b"a" * 500),
    "script": with_length("200 OK", "Content-Type: application/javascript", body=b"a" * 500),
    "failed text": with_length("500 Internal Server Error", "Content-Type: text/css", body=b"a" * 500),
    "public text": with_length("200 OK", "Content-Type: text/css", "Cache-Control: public", body=b"a" * 500),
    "private text": with_length("200 OK", "Content-Type: text/css", "Cache-Control: private", body=b"a" * 500),
    "untransformed text": with_length("200 OK", "Content-Type: text/css", "Cache-Control: no-transform",
                                      body=b"a" * 500),
    "head of a text": response("200 OK", "Content-Type: text/css", 'ETag: "abc"', "Content-Length: 3000"),
    "switch": response("101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
                       "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", echoes=True),
    "switch to spdy": response("101 Switching Protocols", "Upgrade: SPDY/3.1", "Connection: Upgrade", echoes=True),
    "no response": UpstreamResponse(b"", closes=True),
    "aborted head": UpstreamResponse(b"HTTP/1.1 200 OK\r\nContent-", closes=True),
    "aborted body": UpstreamResponse(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", closes=True),
}
