//! Selects the access log and the line format of a host.

use std::rc::Rc;

use crate::model::log_format::LogFormat;
use crate::model::{HostId, LogTarget, Model, VirtualHost};
use crate::telemetry::access_log::writer::{LogBuffer, LogSender};
use crate::telemetry::access_log::{AccessLog, LineFormat, LogClock};

/// Access logs of all hosts on one worker.
pub struct HostLogs {
    buffers: Vec<Rc<LogBuffer>>,
    by_host: Vec<AccessLog>,
}

impl HostLogs {
    /// Creates the line buffers of one worker.
    pub fn new(model: &Model, sender: &LogSender) -> HostLogs {
        let targets = model.access_logs().iter().enumerate();
        let buffers: Vec<_> =
            targets.map(|(position, target)| Rc::new(sender.for_worker(position, target))).collect();
        let clock = Rc::new(LogClock::default());
        let log_of = |host: &VirtualHost| AccessLog {
            log: buffers[host.access_log.index()].clone(),
            clock: clock.clone(),
            form: line_format(model, host),
        };
        let by_host = model.hosts().iter().map(log_of).collect();
        HostLogs { buffers, by_host }
    }

    /// Returns the log of a host; without a host on the listener, the log of the first host of the model.
    pub fn log_of(&self, host: Option<HostId>) -> &AccessLog {
        &self.by_host[host.map_or(0, HostId::index)]
    }

    /// Sends the buffered lines to the log writer.
    pub fn flush(&self) {
        self.buffers.iter().for_each(|log| log.flush());
    }
}

/// Returns the line format of a host. A disabled log needs no custom format.
fn line_format(model: &Model, host: &VirtualHost) -> LineFormat {
    match &host.log_format {
        LogFormat::Custom(format) if *model.access_log(host.access_log) != LogTarget::Off => {
            LineFormat::Custom(Rc::new(format.clone()))
        }
        _ => LineFormat::Package,
    }
}
