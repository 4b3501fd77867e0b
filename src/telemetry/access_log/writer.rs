//! The thread that writes access logs.
//!
//! Workers hand over whole buffers, so a slow disk never holds up a request: when the writer cannot
//! follow, buffers are dropped and counted. The files are opened before the program gives up its
//! privileges, and opened anew when asked to, for `logrotate`.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::model::LogTarget;

/// The open access logs of a process; becomes the thread that writes them.
pub struct LogWriter {
    sinks: Vec<LogSink>,
    open: OpenLog,
    orders: Receiver<WriterCommand>,
    handle: LogSender,
}

/// Opens the file of an access log for appending.
pub type OpenLog = fn(&Path) -> io::Result<File>;

/// The thread that writes.
pub struct WriterThread {
    handle: LogSender,
    ended: Receiver<()>,
}

/// How the thread ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushOutcome {
    AllWritten,
    /// A disk or a pipe takes no more; its lines are lost.
    Stuck,
}

/// Sends buffers and orders to the writer, from any thread. Never waits for it.
#[derive(Clone)]
pub struct LogSender {
    orders: SyncSender<WriterCommand>,
    shared: Arc<WriterState>,
}

/// One worker's end of one access log: collects lines and hands them over together.
pub struct LogBuffer {
    handle: LogSender,
    sink: usize,
    is_off: bool,
    buffer: RefCell<Vec<u8>>,
}

enum WriterCommand {
    Write {
        sink: usize,
        lines: Vec<u8>,
    },
    /// Look at what is shared.
    Look,
}

/// What is asked of the writer beside its queue, which may be full.
#[derive(Default)]
struct WriterState {
    reopen: AtomicBool,
    end: AtomicBool,
    /// Buffers that were lost because the disk was too slow or full.
    dropped: AtomicU64,
}

/// An open access log.
pub enum LogSink {
    Off,
    Stdout,
    File { path: PathBuf, file: File },
}

impl LogWriter {
    /// Writes to logs that are open. The position of a sink is the position of its target in the model. Reopening
    /// uses `open`.
    pub fn new(sinks: Vec<LogSink>, open: OpenLog) -> LogWriter {
        let (sender, orders) = sync_channel(QUEUE);
        LogWriter { sinks, open, orders, handle: LogSender { orders: sender, shared: Arc::default() } }
    }

    pub fn handle(&self) -> LogSender {
        self.handle.clone()
    }

    /// Starts the thread.
    pub fn start(self) -> io::Result<WriterThread> {
        let LogWriter { mut sinks, open, orders, handle } = self;
        let (alive, ended) = sync_channel(1);
        let shared = handle.shared.clone();
        std::thread::Builder::new().name("access-log".into()).spawn(move || {
            write_all(&mut sinks, open, &orders, &shared);
            let _ = alive.send(());
        })?;
        Ok(WriterThread { handle, ended })
    }
}

impl WriterThread {
    /// Ends the thread once it has written what was handed over before, or gives up on it.
    pub fn finish(self, patience: Duration) -> FlushOutcome {
        self.handle.shared.end.store(true, Ordering::Release);
        self.handle.wake();
        match self.ended.recv_timeout(patience) {
            Ok(()) => FlushOutcome::AllWritten,
            Err(_) => FlushOutcome::Stuck,
        }
    }
}

fn write_all(sinks: &mut [LogSink], open: OpenLog, orders: &Receiver<WriterCommand>, shared: &WriterState) {
    let mut reported = 0;
    loop {
        let ending = shared.end.load(Ordering::Acquire);
        let order = if ending { orders.try_recv().ok() } else { orders.recv().ok() };
        match order {
            Some(WriterCommand::Write { sink, lines }) => sinks[sink].write(&lines, &shared.dropped),
            Some(WriterCommand::Look) => {}
            None => return,
        }
        if shared.reopen.swap(false, Ordering::AcqRel) {
            sinks.iter_mut().for_each(|sink| sink.reopen(open));
        }
        let dropped = shared.dropped.load(Ordering::Relaxed);
        if dropped >= reported + DROP_REPORT_INTERVAL || (dropped > 0 && reported == 0) {
            tracing::warn!("{dropped} buffers of access-log lines were lost so far: the disk does not follow");
            reported = dropped;
        }
    }
}

impl LogSender {
    /// Opens all files anew, at the same paths.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        self.wake();
    }

    /// A full queue needs no waking.
    fn wake(&self) {
        let _ = self.orders.try_send(WriterCommand::Look);
    }

    pub fn for_worker(&self, sink: usize, target: &LogTarget) -> LogBuffer {
        let is_off = *target == LogTarget::Off;
        LogBuffer { handle: self.clone(), sink, is_off, buffer: RefCell::new(Vec::new()) }
    }
}

impl LogBuffer {
    /// Lets `write` append a line.
    pub fn line(&self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.is_off {
            return;
        }
        let mut buffer = self.buffer.borrow_mut();
        write(&mut buffer);
        if buffer.len() >= FLUSH_AT {
            self.hand_over(&mut buffer);
        }
    }

    /// Hands over what has been collected.
    pub fn flush(&self) {
        let mut buffer = self.buffer.borrow_mut();
        if !buffer.is_empty() {
            self.hand_over(&mut buffer);
        }
    }

    fn hand_over(&self, buffer: &mut Vec<u8>) {
        let lines = std::mem::take(buffer);
        if self.handle.orders.try_send(WriterCommand::Write { sink: self.sink, lines }).is_err() {
            self.handle.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for LogBuffer {
    fn drop(&mut self) {
        self.flush();
    }
}

impl LogSink {
    fn write(&mut self, lines: &[u8], dropped: &AtomicU64) {
        let result = match self {
            LogSink::Off => Ok(()),
            LogSink::Stdout => io::stdout().lock().write_all(lines),
            LogSink::File { file, .. } => file.write_all(lines),
        };
        if let Err(error) = result {
            // The first loss and then each thousandth is worth a word; the disk may stay full for days.
            if dropped.fetch_add(1, Ordering::Relaxed).is_multiple_of(DROP_REPORT_INTERVAL) {
                tracing::error!("cannot write the access log, lines are lost: {error}");
            }
        }
    }

    fn reopen(&mut self, open: OpenLog) {
        let LogSink::File { path, file } = self else { return };
        match open(path) {
            Ok(new) => *file = new,
            Err(error) => {
                let path = path.display();
                tracing::error!("{path}: cannot open it anew, so lines still go to the old file: {error}");
            }
        }
    }
}

/// So many losses after the first are reported again.
const DROP_REPORT_INTERVAL: u64 = 1000;

/// A worker hands its buffer over at this size, if no tick did so before.
const FLUSH_AT: usize = 16 * 1024;

/// Buffers that may wait for the writer: 4 MiB of lines.
const QUEUE: usize = 256;
