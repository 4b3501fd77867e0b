//! Responds to every request with one status and a body that contains the target.

use crate::support::origin::{Script, responds, response_bytes};

pub fn rejects_upgrade(status: &'static str) -> impl Script {
    responds(move |request| {
        let target = String::from_utf8_lossy(request.head.target()).into_owned();
        response_bytes(status, &[], format!("no upgrade at {target}"))
    })
}
