//! One worker's access logs, and which of them a host writes to, in which form.

use std::rc::Rc;

use crate::model::log_format::LogFormat;
use crate::model::{HostId, LogTarget, Model, VirtualHost};
use crate::telemetry::access_log::writer::{LogBuffer, LogSender};
use crate::telemetry::access_log::{AccessLog, LineFormat, LogClock};

pub struct HostLogs {
    files: Vec<Rc<LogBuffer>>,
    by_host: Vec<AccessLog>,
}

impl HostLogs {
    pub fn new(model: &Model, handle: &LogSender) -> HostLogs {
        let targets = model.access_logs().iter().enumerate();
        let files: Vec<_> =
            targets.map(|(position, target)| Rc::new(handle.for_worker(position, target))).collect();
        let clock = Rc::new(LogClock::default());
        let of_host = |host: &VirtualHost| AccessLog {
            log: files[host.access_log.index()].clone(),
            clock: clock.clone(),
            form: form(model, host),
        };
        let by_host = model.hosts().iter().map(of_host).collect();
        HostLogs { files, by_host }
    }

    /// The log of a host. Without any host on the listener, the first one stands in.
    pub fn of(&self, host: Option<HostId>) -> &AccessLog {
        &self.by_host[host.map_or(0, HostId::index)]
    }

    /// Hands over the lines that have been collected.
    pub fn flush(&self) {
        self.files.iter().for_each(|log| log.flush());
    }
}

/// A log that is off has no use for a format.
fn form(model: &Model, host: &VirtualHost) -> LineFormat {
    match &host.log_format {
        LogFormat::Custom(format) if *model.access_log(host.access_log) != LogTarget::Off => {
            LineFormat::Custom(Rc::new(format.clone()))
        }
        _ => LineFormat::Package,
    }
}
