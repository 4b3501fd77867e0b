//! The thread that writes access logs.
//!
//! Workers hand over whole buffers, so a slow disk never holds up a request: when the writer cannot
//! follow, buffers are dropped and counted. The files are opened before the program gives up its
//! privileges, and opened anew when asked to, for `logrotate`.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::model::LogTarget;

/// The open access logs of a process; becomes the thread that writes them.
pub struct LogWriter {
    sinks: Vec<Sink>,
    orders: Receiver<Order>,
    handle: LogHandle,
}

/// Sends buffers and orders to the writer, from any thread.
#[derive(Clone)]
pub struct LogHandle {
    orders: SyncSender<Order>,
    dropped: Arc<AtomicU64>,
}

/// One worker's end of one access log: collects lines and hands them over together.
pub struct WorkerLog {
    handle: LogHandle,
    sink: usize,
    is_off: bool,
    buffer: RefCell<Vec<u8>>,
}

enum Order {
    Write { sink: usize, lines: Vec<u8> },
    Reopen,
    End,
}

enum Sink {
    Off,
    Stdout,
    File { target: LogTarget, file: File },
}

impl LogWriter {
    /// Opens every target. The position of a target is the position of its log.
    pub fn open(targets: &[LogTarget]) -> Result<LogWriter, (LogTarget, io::Error)> {
        let open = |target: &LogTarget| Sink::open(target).map_err(|error| (target.clone(), error));
        let sinks = targets.iter().map(open).collect::<Result<_, _>>()?;
        let (sender, orders) = sync_channel(QUEUE);
        Ok(LogWriter { sinks, orders, handle: LogHandle { orders: sender, dropped: Arc::default() } })
    }

    pub fn handle(&self) -> LogHandle {
        self.handle.clone()
    }

    /// Starts the thread. It ends after [`LogHandle::end`], with everything written.
    pub fn start(self) -> io::Result<JoinHandle<()>> {
        let LogWriter { mut sinks, orders, handle } = self;
        std::thread::Builder::new().name("access-log".into()).spawn(move || {
            for order in orders {
                match order {
                    Order::Write { sink, lines } => sinks[sink].write(&lines, &handle.dropped),
                    Order::Reopen => sinks.iter_mut().for_each(Sink::reopen),
                    Order::End => break,
                }
            }
        })
    }
}

impl LogHandle {
    /// Opens all files anew, at the same paths.
    pub fn reopen(&self) {
        let _ = self.orders.send(Order::Reopen);
    }

    /// Ends the thread once it has written what was handed over before.
    pub fn end(&self) {
        let _ = self.orders.send(Order::End);
    }

    /// Buffers that were lost because the disk was too slow or full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub fn for_worker(&self, sink: usize, target: &LogTarget) -> WorkerLog {
        let is_off = *target == LogTarget::Off;
        WorkerLog { handle: self.clone(), sink, is_off, buffer: RefCell::new(Vec::new()) }
    }
}

impl WorkerLog {
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
        if self.handle.orders.try_send(Order::Write { sink: self.sink, lines }).is_err() {
            self.handle.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for WorkerLog {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Sink {
    fn open(target: &LogTarget) -> io::Result<Sink> {
        Ok(match target {
            LogTarget::Off => Sink::Off,
            LogTarget::Stdout => Sink::Stdout,
            LogTarget::File(path) => Sink::File { target: target.clone(), file: append_to(path)? },
        })
    }

    fn write(&mut self, lines: &[u8], dropped: &AtomicU64) {
        let result = match self {
            Sink::Off => Ok(()),
            Sink::Stdout => io::stdout().lock().write_all(lines),
            Sink::File { file, .. } => file.write_all(lines),
        };
        if let Err(error) = result {
            // The first loss and then each thousandth is worth a word; the disk may stay full for days.
            if dropped.fetch_add(1, Ordering::Relaxed).is_multiple_of(1000) {
                tracing::error!("cannot write the access log, lines are lost: {error}");
            }
        }
    }

    fn reopen(&mut self) {
        let Sink::File { target, file } = self else { return };
        match Sink::open(target) {
            Ok(Sink::File { file: new, .. }) => *file = new,
            Ok(_) => {}
            Err(error) => tracing::error!("cannot open {target:?} anew, writing to the old file: {error}"),
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// A worker hands its buffer over at this size, if no tick did so before.
const FLUSH_AT: usize = 16 * 1024;

/// Buffers that may wait for the writer: 4 MiB of lines.
const QUEUE: usize = 256;
