//! Black-box tests: the real program, real sockets, real TLS, scripted applications behind it.
//!
//! Each module is a topic; `support` is the language they are written in. See `tests/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "in a test, a panic is how a failure is told"
)]
#![allow(unreachable_pub, reason = "a test program exports nothing; `pub` marks what a module offers to others")]

mod support;

// The support itself, without the program under test.
mod self_test;
