//! Answers every request, upgrade or not, with one status and a body that names the target.

use crate::support::origin::{Script, answers, reply};

pub fn refuses_upgrade(status: &'static str) -> impl Script {
    answers(move |request| {
        let target = String::from_utf8_lossy(request.head.target()).into_owned();
        reply(status, &[], format!("no upgrade at {target}"))
    })
}
