"""The requests of the comparison, byte by byte."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Case:
    """One request and its circumstances."""

    name: str
    # The bytes of HTTP/1; for HTTP/2 the arguments of curl.
    request: bytes | tuple
    # The name of the upstream's response.
    response: str = "plain"
    # The hosts that receive the request.
    roles: tuple = ("gitlab", "mattermost", "pages", "registry")
    # Over TLS: the server name (SNI), unless it is that of the host; "" means none.
    server_name: str | None = None
    # The bytes that the client sends through a tunnel.
    after: bytes = b""
    # Whether no upstream listens.
    down: bool = False
    # Whether the request goes to the port of the redirect.
    on_redirect: bool = False
    # Whether the case applies only to hosts with a body limit.
    limited: bool = False

    @property
    def is_http2(self):
        return isinstance(self.request, tuple)


def request(target="/", *fields, method="GET", version="1.1", host="Host: {host}", body=b""):
    """Returns the bytes of a request; `{host}` stands for the name of the host."""
    lines = [f"{method} {target} HTTP/{version}", *([host] if host else []), *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def case(name, *arguments, response="plain", **options):
    circumstances = {key: options.pop(key) for key in CIRCUMSTANCES if key in options}
    return Case(name, request(*arguments, **options), response, **circumstances)


def posted(name, body, *fields, target="/x", **options):
    options.setdefault("method", "POST")
    return case(name, target, *fields, f"Content-Length: {len(body)}", body=body, **options)


def upgrade(name, *fields, **options):
    options.setdefault("response", "switch")
    return case(name, options.pop("target", "/api/v4/websocket"), *fields, after=b"ping", **options)


WEBSOCKET = ("Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
GITLAB = ("gitlab",)
CIRCUMSTANCES = ("roles", "server_name", "after", "down", "limited")
CHUNKS = b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"

TARGETS = [
    "/", "/a/b", "/a%2Fb", "/api/v4/projects/group%2Fproject", "/%61dmin", "//x", "//x//y/", "/a//b", "/./a", "/a/./b",
    "/a/../b", "/a/b/..", "/a/..", "/../", "/..", "/a/../../b", "/%2e%2e/x", "/a%00b", "/%zz", "/%4", "/%", "/a%20b",
    "/a+b", "/%C3%A9", "/\u00c3\u00a9", "/%E9", "/a;b=c", "/a:b@c", "/a|b", "/a\"b", "/a<b>", "/a{b}", "/a\\b", "/a^b`",
    "/a'b", "/~a", "/*", "*", "?a", "", "/?", "/?a=b", "/?a=%2F&b", "/x?a=b?c=d", "/x?a#b", "/x#b", "/?%00",
    "/x?a=\u00c3\u00a9", "/\u00e9", "/x?a[]=1", "/x?{}", "/x?a=\"b\"", "/x y", "/x?private_token=secret",
    "/-/health?x=1",
    "/.well-known/acme-challenge/token", "/.well-known/openid-configuration", "/assets/a.js", "/assetsx", "/error.txt",
    "/404.html", "/502.html", "/robots.txt", "/help", "/api/v4/version", "/gitlab", "/gitlab/", "/gitlab/a",
    "/gitlabx", "/gitlab/api/v4/version", "/gitlab/-/health", "/gitlab/assets/a", "/group/project.git/info/refs",
    "/group/project.git/git-receive-pack", "/-/metrics", "/-/kubernetes-agent/k8s-proxy/a%2Fb/../c?d=e",
    "/-/kubernetes-agent/?a=b", "/-/kubernetes-agent", "/-/kubernetes-agent/x", "/x" + "/long" * 300,
    "/nginx_status", "/plugins/com.example.old", "/plugins/x", "/v2/",
    "/v2/group/project/blobs/uploads/?mount=sha256:a",
]

FROM_TARGETS = [case(f"target {target[:60]}", target) for target in TARGETS]

METHODS = [
    case("HEAD", method="HEAD", response="head"),
    case("HEAD without length", method="HEAD", response="head without length"),
    *(case(method, "/x", method=method) for method in (
        "OPTIONS", "DELETE", "TRACE", "PROPFIND", "REPORT", "SEARCH", "LOCK", "FOO", "get", "PURGE", "M-SEARCH")),
    *(posted(f"{method} with a body", b"hello", method=method) for method in ("POST", "PUT", "PATCH", "DELETE", "GET")),
    case("CONNECT", "gitlab.example.com:443", method="CONNECT"),
    case("OPTIONS of everything", "*", method="OPTIONS"),
    case("POST without length", method="POST"),
    case("PUT of nothing", "/x", "Content-Length: 0", method="PUT"),
]

VERSIONS = [
    case("HTTP/1.0", version="1.0"),
    case("HTTP/1.0 with keep-alive", "/", "Connection: keep-alive", version="1.0"),
    case("HTTP/1.0, chunked response", version="1.0", response="chunked"),
    case("HTTP/1.0, response until close", version="1.0", response="until close"),
    case("HTTP/1.1 with close", "/", "Connection: close"),
    case("HTTP/1.2", version="1.2"),
    case("HTTP/2.0 in text", version="2.0"),
    case("HTTP/0.9", version="0.9"),
    Case("no version", b"GET /\r\n\r\n"),
    Case("bare line feeds", b"GET /x HTTP/1.1\nHost: {host}\n\n"),
    Case("empty line first", b"\r\nGET /x HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    Case("lower-case protocol", b"GET /x http/1.1\r\nHost: {host}\r\n\r\n"),
    Case("two spaces", b"GET  /x HTTP/1.1\r\nHost: {host}\r\n\r\n"),
]

HOSTS = [
    case("no Host", host=None),
    case("no Host, HTTP/1.0", host=None, version="1.0"),
    case("empty Host", host="Host:"),
    case("two Hosts", "/", "Host: {host}"),
    case("two different Hosts", "/", "Host: other.example"),
    case("upper-case Host", host="Host: {HOST}"),
    case("Host with a port", host="Host: {host}:443"),
    case("Host with another port", host="Host: {host}:8443"),
    case("Host with an empty port", host="Host: {host}:"),
    case("Host with a bad port", host="Host: {host}:99999"),
    case("Host with letters as port", host="Host: {host}:http"),
    case("Host with a trailing dot", host="Host: {host}."),
    case("Host with user", host="Host: user@{host}"),
    case("Host with a space", host="Host: {host} x"),
    case("Host with a path", host="Host: {host}/x"),
    case("Host with an underscore", host="Host: git_lab.example.com"),
    case("unknown Host", host="Host: unknown.example"),
    case("unknown Host and server name", host="Host: unknown.example", server_name="unknown.example"),
    case("localhost", host="Host: localhost", server_name="localhost"),
    case("IP address", host="Host: 127.0.0.1", server_name=""),
    case("IPv6 address", host="Host: [::1]", server_name=""),
    case("no server name", server_name=""),
    case("other server name", server_name="unknown.example"),
    case("absolute target", "http://{host}/x?a=b"),
    case("absolute target over https", "https://{host}/x"),
    case("absolute target, other Host", "http://{host}/x", host="Host: other.example"),
    case("absolute target of an unknown host", "http://unknown.example/x"),
    case("absolute target without path", "http://{host}"),
    case("absolute target, query only", "http://{host}?a=b"),
    case("absolute target without Host", "http://{host}/x", host=None),
    case("non-ASCII Host", host="Host: g\xe9.example"),
    case("health check by address", "/-/health", host="Host: 127.0.0.1", server_name="", roles=GITLAB),
]

HEADERS = [
    case("forwarding headers of the client", "/", "X-Forwarded-For: 192.0.2.1, 198.51.100.2", "X-Real-IP: 192.0.2.1",
         "X-Forwarded-Proto: ftp", "X-Forwarded-Ssl: off"),
    case("other forwarding headers", "/", "Forwarded: for=192.0.2.1", "X-Forwarded-Host: evil.example",
         "X-Forwarded-Port: 1", "X-Forwarded-Server: evil.example", "X-Original-Forwarded-For: 192.0.2.9",
         "True-Client-IP: 192.0.2.9", "CF-Connecting-IP: 192.0.2.9", "X-Client-IP: 192.0.2.9", "X-Scheme: ftp"),
    case("X-Accel-Redirect of the client", "/", "X-Accel-Redirect: /x", "X-Sendfile-Type: X-Accel-Redirect"),
    case("headers named by Connection", "/", "Connection: X-Hop, X-Real-IP", "X-Hop: 1", "X-Stays: 1"),
    case("Keep-Alive and TE", "/", "Keep-Alive: timeout=5", "TE: trailers", "Proxy-Connection: keep-alive"),
    case("underscore", "/", "X_Under_Score: 1", "CUSTOM_HEADER: 1"),
    case("dots and other characters in names", "/", "X.Dot: 1", "X!Bang: 1", "X~Tilde: 1"),
    case("space before the colon", "/", "X-Space : 1"),
    case("name without a value", "/", "X-Empty:", "X-Blank:   "),
    case("line without a colon", "/", "Nonsense"),
    case("folded line", "/", "X-Fold: a", "  b"),
    case("header first with a space", "/", " X-First: 1"),
    case("the same header twice", "/", "X-Twice: 1", "X-Twice: 2", "Accept: a/b", "Accept: c/d"),
    case("two Cookies", "/", "Cookie: a=1", "Cookie: b=2"),
    case("two X-Forwarded-For", "/", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2"),
    case("non-ASCII value", "/", "X-Name: \xe9"),
    case("tab in a value", "/", "X-Tab: a\tb"),
    case("NUL in a value", "/", "X-Nul: a\0b"),
    case("browser", "/x", "User-Agent: Mozilla/5.0", "Accept: text/html,*/*;q=0.8", "Accept-Language: de",
         "Accept-Encoding: identity", "Referer: https://{host}/y?private_token=x", "Cookie: _session=abc",
         "DNT: 1", "Sec-Fetch-Mode: navigate", "Priority: u=0, i", "Cache-Control: max-age=0"),
    case("tokens", "/api/v4/projects", "PRIVATE-TOKEN: glpat-x", "Job-Token: x", "Authorization: Bearer x"),
    case("conditional", "/x", "If-None-Match: \"abc\"", "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT",
         response="not modified"),
    case("range", "/x", "Range: bytes=0-4", "If-Range: \"abc\"", response="partial"),
    case("conditional POST", "/x", "If-Match: \"abc\"", "Content-Length: 0", method="POST"),
    case("7 KiB header", "/", "X-Long: " + "a" * 7000),
    case("9 KiB header", "/", "X-Long: " + "a" * 9000),
    case("four headers of 7 KiB", "/", *(f"X-Long-{number}: " + "a" * 7000 for number in range(4))),
    case("40 KiB of cookies", "/", "Cookie: " + "a" * 40_000),
    case("90 headers", "/", *(f"X-{number}: {number}" for number in range(90))),
    case("7 KiB target", "/" + "a" * 7000),
    case("9 KiB target", "/" + "a" * 9000),
    case("names in odd letters", "/", "x-lower: 1", "X-UPPER: 1", "uSeR-aGeNt: x"),
    case("gzip accepted", "/", "Accept-Encoding: gzip", response="text to compress"),
    case("X-Request-Id of the client", "/", "X-Request-Id: mine", "X-Correlation-Id: mine", "Gitlab-Workhorse: 1"),
    case("Via", "/", "Via: 1.1 old"),
    case("Upgrade-Insecure-Requests", "/", "Upgrade-Insecure-Requests: 1"),
    case("Max-Forwards", "/", "Max-Forwards: 0", method="OPTIONS"),
    case("Origin", "/", "Origin: https://{host}", "Access-Control-Request-Method: PUT", method="OPTIONS"),
    case("X-Frame-Options of the client", "/", "X-Frame-Options: DENY"),
]

BODIES = [
    case("chunked", "/x", "Transfer-Encoding: chunked", method="POST", body=CHUNKS),
    case("chunked, for git", "/group/project.git/git-receive-pack", "Transfer-Encoding: chunked", method="POST",
         body=CHUNKS),
    case("chunked with extension and trailer", "/x", "Transfer-Encoding: chunked", "Trailer: X-Sum", method="POST",
         body=b"5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
    case("Chunked in capitals", "/x", "Transfer-Encoding: Chunked", method="POST", body=CHUNKS),
    case("chunked and length", "/x", "Transfer-Encoding: chunked", "Content-Length: 5", method="POST", body=CHUNKS),
    case("gzip, chunked", "/x", "Transfer-Encoding: gzip, chunked", method="POST", body=CHUNKS),
    case("unknown coding", "/x", "Transfer-Encoding: other", method="POST"),
    case("bad chunk", "/x", "Transfer-Encoding: chunked", method="POST", body=b"zz\r\nhello\r\n"),
    case("chunked in HTTP/1.0", "/x", "Transfer-Encoding: chunked", method="POST", version="1.0", body=CHUNKS),
    case("two equal lengths", "/x", "Content-Length: 5", "Content-Length: 5", method="POST", body=b"hello"),
    case("two different lengths", "/x", "Content-Length: 5", "Content-Length: 6", method="POST", body=b"hello!"),
    case("length with a sign", "/x", "Content-Length: +5", method="POST", body=b"hello"),
    case("negative length", "/x", "Content-Length: -5", method="POST"),
    case("length with letters", "/x", "Content-Length: 5x", method="POST", body=b"hello"),
    posted("Expect", b"hello", "Expect: 100-continue"),
    posted("Expect in capitals", b"hello", "Expect: 100-Continue"),
    posted("another expectation", b"hello", "Expect: 200-ok"),
    posted("Expect, HTTP/1.0", b"hello", "Expect: 100-continue", version="1.0"),
    posted("form", b"a=1&b=2", "Content-Type: application/x-www-form-urlencoded"),
    posted("gzip body", b"\x1f\x8b\x08", "Content-Encoding: gzip"),
    posted("100 kB", b"x" * 100_000),
    posted("1.5 MB", b"x" * 1_500_000),
    case("Content-Length of 600 MB", "/x", "Content-Length: 629145600", "Expect: 100-continue", method="POST",
         limited=True),
    posted("response before the body is read", b"hello", response="unauthorized"),
]

UPGRADES = [
    upgrade("websocket", "Connection: Upgrade", *WEBSOCKET),
    upgrade("websocket with keep-alive", "Connection: keep-alive, Upgrade", *WEBSOCKET),
    upgrade("websocket elsewhere", "Connection: Upgrade", *WEBSOCKET, target="/-/cable"),
    upgrade("websocket with details", "Connection: Upgrade", *WEBSOCKET, "Origin: https://{host}",
            "Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: actioncable-v1-json"),
    upgrade("websocket with query", "Connection: upgrade", *WEBSOCKET,
            target="/api/v4/websocket?connection_id=&sequence_number=0"),
    upgrade("Upgrade without Connection", *WEBSOCKET, response="plain"),
    upgrade("Connection without Upgrade", "Connection: Upgrade", response="plain"),
    upgrade("rejected upgrade", "Connection: Upgrade", *WEBSOCKET, response="forbidden"),
    upgrade("upgrade with status 200", "Connection: Upgrade", *WEBSOCKET),
    upgrade("upgrade to SPDY", "Connection: Upgrade", "Upgrade: SPDY/3.1", response="switch to spdy"),
    upgrade("upgrade to HTTP/2", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", response="plain"),
    upgrade("upgrade to TLS", "Connection: Upgrade", "Upgrade: TLS/1.0", response="plain"),
    upgrade("upgrade by POST", "Connection: Upgrade", *WEBSOCKET, "Content-Length: 0", method="POST", response="plain"),
    upgrade("upgrade with a body", "Connection: Upgrade", *WEBSOCKET, "Content-Length: 5", method="POST",
            body=b"hello", response="plain"),
    upgrade("upgrade in HTTP/1.0", "Connection: Upgrade", *WEBSOCKET, version="1.0", response="plain"),
    upgrade("websocket of the Kubernetes agent", "Connection: Upgrade", *WEBSOCKET, target="/-/kubernetes-agent/",
            roles=GITLAB),
]

ABORTED = ("no response", "aborted head", "aborted body")
SPECIAL = {
    "head", "head without length", "not modified", "switch", "switch to spdy",
    "text to compress", "head of a text",
} | set(ABORTED)


def with_response(names):
    """Returns a plain request for each response."""
    cases = [case(f"response: {name}", "/x", response=name) for name in names if name not in SPECIAL]
    cases += [case(f"response on an asset: {name}", "/assets/x", response=name, roles=GITLAB)
              for name in ("own security headers", "not found")]
    cases += [case(f"response of the API: {name}", "/api/v4/x", response=name, roles=GITLAB)
              for name in ("not found as json", "internal error", "bad gateway", "own security headers")]
    cases += [case(f"aborted response: {name}", "/x", response=name) for name in ABORTED]
    cases += [case("HEAD with a length", "/x", method="HEAD", response="head")]
    return cases


TEXTS = (
    "tagged text", "short text", "text of 250", "stream of text", "compressed text", "script", "failed text",
    "untransformed text",
)
COMPRESSION = [
    *(case(f"gzip for a {name}", "/x", "Accept-Encoding: gzip, br", response=name) for name in TEXTS),
    *(case(f"accepts {value}", "/x", f"Accept-Encoding: {value}", response="text to compress")
      for value in ("*", "br, GZIP;q=0.5", "gzip;q=0", "identity", "x-gzip", "gzip;q=0.000, *")),
    *(case(f"gzip for a proxy, {name}", "/x", "Accept-Encoding: gzip", "Via: 1.1 other", response=name)
      for name in ("text to compress", "public text", "private text", "caching")),
    case("gzip for a proxy with Authorization", "/x", "Accept-Encoding: gzip", "Via: 1.1 other",
         "Authorization: Basic cm9vdDp4", response="public text"),
    case("gzip over HTTP/1.0", "/x", "Accept-Encoding: gzip", version="1.0", response="text to compress"),
    case("gzip for HEAD", "/x", "Accept-Encoding: gzip", method="HEAD", response="head of a text", roles=GITLAB),
]

HEALTH = [
    *(case(f"{path}, response {kind}", path, response=kind, roles=GITLAB)
      for path in ("/-/health", "/-/readiness", "/-/liveness", "/health_check")
      for kind in ("plain", "not found", "internal error", "bad gateway", "unavailable")),
    case("health check, HTTP/1.0", "/-/health", host=None, version="1.0", roles=GITLAB),
    case("readiness of all", "/-/readiness?all=1", response="json", roles=GITLAB),
]

DOWN = [
    *(replace(case(f"down: {path}", path), down=True)
      for path in ("/x", "/-/health", "/-/readiness", "/api/v4/x", "/assets/x", "/group/project.git/info/refs")),
    case("down: browser", "/x", "Accept: text/html", down=True),
    case("down: HEAD", "/x", method="HEAD", down=True),
    posted("down: POST", b"hello", down=True),
    upgrade("down: websocket", "Connection: Upgrade", *WEBSOCKET, down=True),
]


def over_http2(name, *arguments, response="plain", roles=("gitlab", "mattermost")):
    return Case(f"HTTP/2: {name}", arguments, response, roles)


HTTP2 = [
    *(over_http2(f"target {target}", target) for target in (
        "/", "/a%2Fb", "//x", "/a/../b", "/../", "/a%00b", "/%zz", "/%C3%A9", "/?a=%2F&b", "/x?a=b#c", "/-/health",
        "/assets/a.js", "/api/v4/projects/group%2Fproject", "/x" + "/long" * 300)),
    *(over_http2(method, "--request", method, "/x") for method in ("OPTIONS", "DELETE", "TRACE", "PROPFIND", "get")),
    *(over_http2(f"{method} with a body", "--request", method, "--data", "hello", "/x") for method in ("POST", "PUT")),
    over_http2("HEAD", "--head", "/x", response="head"),
    over_http2("body without length", "--header", "Content-Length:", "--data", "hello", "/x"),
    over_http2("Expect", "--header", "Expect: 100-continue", "--data", "hello", "/x"),
    over_http2("cookies", "--header", "Cookie: a=1", "--header", "Cookie: b=2", "/"),
    over_http2("forwarding headers of the client", "--header", "X-Forwarded-For: 192.0.2.1",
               "--header", "X-Forwarded-Proto: ftp", "--header", "X-Real-IP: 192.0.2.1", "/"),
    over_http2("underscore", "--header", "x_under_score: 1", "/"),
    over_http2("TE", "--header", "TE: trailers", "/"),
    over_http2("9 KiB header", "--header", "X-Long: " + "a" * 9000, "/"),
    over_http2("another Host", "--header", "Host: unknown.example", "/"),
    over_http2("upgrade", "--header", "Upgrade: websocket", "/"),
    *(over_http2(f"response: {name}", "/x", response=name) for name in (
        "chunked", "trailers", "until close", "empty", "cookies", "own security headers", "server and date",
        "for the proxy", "hop by hop", "no content", "partial", "found", "not found", "teapot", "internal error",
        "own reason", "large", "many headers")),
]


def on_redirect(cases):
    return [replace(each, name=f"redirect: {each.name}", on_redirect=True, server_name=None) for each in cases]


def plain_to_tls():
    return [Case("plain HTTP on the TLS port", request("/x"), server_name="plain")]


def all_cases(responses):
    main = FROM_TARGETS + METHODS + VERSIONS + HOSTS + HEADERS + BODIES + UPGRADES
    main += with_response(responses) + COMPRESSION + HEALTH + HTTP2
    redirects = FROM_TARGETS + METHODS + VERSIONS + HOSTS + HEALTH + BODIES[:6]
    return main + on_redirect(redirects) + plain_to_tls() + DOWN + on_redirect(DOWN[1:3])
