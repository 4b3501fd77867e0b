//! The thread that writes access logs.
//!
//! Workers hand over whole buffers, so a slow disk never holds up a request: when the writer cannot
//! follow, buffers are dropped and counted. The files are opened before the program gives up its
//! privileges, and opened anew when asked to, for `logrotate`.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::fchown;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::model::LogTarget;

/// The open access logs of a process; becomes the thread that writes them.
pub struct LogWriter {
    sinks: Vec<Sink>,
    orders: Receiver<Order>,
    handle: LogHandle,
}

/// The thread that writes.
pub struct WriterThread {
    handle: LogHandle,
    ended: Receiver<()>,
}

/// How the thread ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    AllWritten,
    /// A disk or a pipe takes no more; its lines are lost.
    Stuck,
}

/// Sends buffers and orders to the writer, from any thread. Never waits for it.
#[derive(Clone)]
pub struct LogHandle {
    orders: SyncSender<Order>,
    shared: Arc<Shared>,
}

/// One worker's end of one access log: collects lines and hands them over together.
pub struct WorkerLog {
    handle: LogHandle,
    sink: usize,
    is_off: bool,
    buffer: RefCell<Vec<u8>>,
}

enum Order {
    Write {
        sink: usize,
        lines: Vec<u8>,
    },
    /// Look at what is shared.
    Look,
}

/// What is asked of the writer beside its queue, which may be full.
#[derive(Default)]
struct Shared {
    reopen: AtomicBool,
    end: AtomicBool,
    /// Buffers that were lost because the disk was too slow or full.
    dropped: AtomicU64,
}

enum Sink {
    Off,
    Stdout,
    File { path: PathBuf, file: File },
}

impl LogWriter {
    /// Opens every target. The position of a target is the position of its log.
    pub fn open(targets: &[LogTarget]) -> Result<LogWriter, (LogTarget, io::Error)> {
        let open = |target: &LogTarget| Sink::open(target).map_err(|error| (target.clone(), error));
        let sinks = targets.iter().map(open).collect::<Result<_, _>>()?;
        let (sender, orders) = sync_channel(QUEUE);
        Ok(LogWriter { sinks, orders, handle: LogHandle { orders: sender, shared: Arc::default() } })
    }

    pub fn handle(&self) -> LogHandle {
        self.handle.clone()
    }

    /// Makes an account the owner of the files, so that it can open them anew after a rotation.
    pub fn give_to(&self, user: u32, group: u32) -> io::Result<()> {
        self.sinks.iter().try_for_each(|sink| match sink {
            Sink::File { file, .. } => fchown(file, Some(user), Some(group)),
            Sink::Off | Sink::Stdout => Ok(()),
        })
    }

    /// Starts the thread.
    pub fn start(self) -> io::Result<WriterThread> {
        let LogWriter { mut sinks, orders, handle } = self;
        let (alive, ended) = sync_channel(1);
        let shared = handle.shared.clone();
        std::thread::Builder::new().name("access-log".into()).spawn(move || {
            write_all(&mut sinks, &orders, &shared);
            let _ = alive.send(());
        })?;
        Ok(WriterThread { handle, ended })
    }
}

impl WriterThread {
    /// Ends the thread once it has written what was handed over before, or gives up on it.
    pub fn finish(self, patience: Duration) -> Finish {
        self.handle.shared.end.store(true, Ordering::Release);
        self.handle.wake();
        match self.ended.recv_timeout(patience) {
            Ok(()) => Finish::AllWritten,
            Err(_) => Finish::Stuck,
        }
    }
}

fn write_all(sinks: &mut [Sink], orders: &Receiver<Order>, shared: &Shared) {
    let mut reported = 0;
    loop {
        let ending = shared.end.load(Ordering::Acquire);
        let order = if ending { orders.try_recv().ok() } else { orders.recv().ok() };
        match order {
            Some(Order::Write { sink, lines }) => sinks[sink].write(&lines, &shared.dropped),
            Some(Order::Look) => {}
            None => return,
        }
        if shared.reopen.swap(false, Ordering::AcqRel) {
            sinks.iter_mut().for_each(Sink::reopen);
        }
        let dropped = shared.dropped.load(Ordering::Relaxed);
        if dropped >= reported + WORTH_A_WORD || (dropped > 0 && reported == 0) {
            tracing::warn!("{dropped} buffers of access-log lines were lost so far: the disk does not follow");
            reported = dropped;
        }
    }
}

impl LogHandle {
    /// Opens all files anew, at the same paths.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        self.wake();
    }

    /// A full queue needs no waking.
    fn wake(&self) {
        let _ = self.orders.try_send(Order::Look);
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
            self.handle.shared.dropped.fetch_add(1, Ordering::Relaxed);
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
            LogTarget::File(path) => Sink::File { path: path.clone(), file: append_to(path)? },
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
            if dropped.fetch_add(1, Ordering::Relaxed).is_multiple_of(WORTH_A_WORD) {
                tracing::error!("cannot write the access log, lines are lost: {error}");
            }
        }
    }

    fn reopen(&mut self) {
        let Sink::File { path, file } = self else { return };
        match append_to(path) {
            Ok(new) => *file = new,
            Err(error) => {
                let path = path.display();
                tracing::error!("{path}: cannot open it anew, so lines still go to the old file: {error}");
            }
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// So many losses after the first are reported again.
const WORTH_A_WORD: u64 = 1000;

/// A worker hands its buffer over at this size, if no tick did so before.
const FLUSH_AT: usize = 16 * 1024;

/// Buffers that may wait for the writer: 4 MiB of lines.
const QUEUE: usize = 256;
