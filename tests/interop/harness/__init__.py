"""Harness of the interoperability tests: what more than one judge needs, and the servers behind Gatepost.

| module | content |
|---|---|
| `judge` | entry point of a judge, required programs, exit codes |
| `processes` | processes with the lifetime of the judge, time limits, waiting, temporary directories |
| `network` | free ports, connection tests |
| `certificates` | throw-away certificates |
| `gatepost` | configures, starts and stops Gatepost |
| `curl`, `s_client` | clients with common options |
| `http1` | reads header fields and bodies of HTTP/1.1 messages |
| `http_server` | runs an `http.server` in the background |
| `bulk_upstream`, `git_backend` | upstreams for large bodies and for git |
| `tls_targets` | Gatepost with default TLS settings and with those of a gitlab.rb, for scanners |
| `testssl_findings` | sorts the findings of testssl.sh |
| `pebble` | an ACME server with its name server |
| `resident_memory` | measures the memory of a process |
"""
