//! Thread that writes and reopens log files.
//!
//! Workers send whole buffers without waiting, so a slow disk never delays a request: if the queue is full, buffers
//! are dropped and counted. The files are open before the thread starts, and are reopened on request, for `logrotate`.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::model::LogTarget;

/// Open log files; becomes the writer thread.
pub struct LogWriter {
    sinks: Vec<LogSink>,
    open: OpenLog,
    commands: Receiver<WriterCommand>,
    sender: LogSender,
}

/// Opens the file of an access log for appending.
pub type OpenLog = fn(&Path) -> io::Result<File>;

/// Handle to the running writer thread.
pub struct WriterThread {
    sender: LogSender,
    finished: Receiver<()>,
}

/// All lines written, or timed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushOutcome {
    AllWritten,
    /// The disk or pipe accepted no more data in time; the remaining lines are lost.
    TimedOut,
}

/// Sends buffers and commands to the writer without blocking, from any thread.
#[derive(Clone)]
pub struct LogSender {
    commands: SyncSender<WriterCommand>,
    state: Arc<WriterState>,
}

/// Line buffer of one worker for one log. Lines are sent to the writer together.
pub struct LogBuffer {
    sender: LogSender,
    sink: usize,
    is_off: bool,
    buffer: RefCell<Vec<u8>>,
}

/// A message to the writer thread.
enum WriterCommand {
    Write {
        sink: usize,
        lines: Vec<u8>,
    },
    /// Read the flags of [`WriterState`].
    Wake,
}

/// Flags and counters state with the writer thread. Requests are flags, because the queue may be full.
#[derive(Default)]
struct WriterState {
    reopen: AtomicBool,
    stop: AtomicBool,
    /// Buffers that were dropped because the disk was full or too slow.
    dropped: AtomicU64,
}

/// Discard, standard output or a file.
pub enum LogSink {
    Off,
    Stdout,
    File { path: PathBuf, file: File },
}

impl LogWriter {
    /// Writes to logs that are open. The index of a sink is the index of its target in the model. `open` reopens a
    /// log after a rotation.
    pub fn new(sinks: Vec<LogSink>, open: OpenLog) -> LogWriter {
        let (sender, commands) = sync_channel(QUEUE);
        LogWriter { sinks, open, commands, sender: LogSender { commands: sender, state: Arc::default() } }
    }

    /// Returns a sender for the writer thread.
    pub fn sender(&self) -> LogSender {
        self.sender.clone()
    }

    /// Starts the writer thread.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(self) -> io::Result<WriterThread> {
        let LogWriter { mut sinks, open, commands, sender } = self;
        let (finish, finished) = sync_channel(1);
        let state = sender.state.clone();
        std::thread::Builder::new().name("access-log".into()).spawn(move || {
            write_all(&mut sinks, open, &commands, &state);
            let _ = finish.send(());
        })?;
        Ok(WriterThread { sender, finished })
    }
}

impl WriterThread {
    /// Stops the thread and waits until all lines are written, at most until the timeout.
    pub fn join(self, timeout: Duration) -> FlushOutcome {
        self.sender.state.stop.store(true, Ordering::Release);
        self.sender.wake();
        match self.finished.recv_timeout(timeout) {
            Ok(()) => FlushOutcome::AllWritten,
            Err(_) => FlushOutcome::TimedOut,
        }
    }
}

/// Main loop of the writer thread. Returns when it has been stopped and the queue is empty.
fn write_all(sinks: &mut [LogSink], open: OpenLog, commands: &Receiver<WriterCommand>, state: &WriterState) {
    let mut reported = 0;
    loop {
        let stopping = state.stop.load(Ordering::Acquire);
        let command = if stopping { commands.try_recv().ok() } else { commands.recv().ok() };
        match command {
            Some(WriterCommand::Write { sink, lines }) => sinks[sink].write(&lines, &state.dropped),
            Some(WriterCommand::Wake) => {}
            None => return,
        }
        if state.reopen.swap(false, Ordering::AcqRel) {
            sinks.iter_mut().for_each(|sink| sink.reopen(open));
        }
        let dropped = state.dropped.load(Ordering::Relaxed);
        if dropped >= reported + DROP_REPORT_INTERVAL || (dropped > 0 && reported == 0) {
            tracing::warn!("access log: {dropped} buffers dropped since start; the disk is full or too slow");
            reported = dropped;
        }
    }
}

impl LogSender {
    /// Reopens all files at the same paths (`SIGUSR1`).
    pub fn reopen(&self) {
        self.state.reopen.store(true, Ordering::Release);
        self.wake();
    }

    /// Wakes the writer. If the queue is full, it is awake already.
    fn wake(&self) {
        let _ = self.commands.try_send(WriterCommand::Wake);
    }

    /// Returns the line buffer of one worker for the log with index `sink`.
    pub fn for_worker(&self, sink: usize, target: &LogTarget) -> LogBuffer {
        let is_off = *target == LogTarget::Off;
        LogBuffer { sender: self.clone(), sink, is_off, buffer: RefCell::new(Vec::new()) }
    }
}

impl LogBuffer {
    /// Calls `write` to append a line, and sends the buffer when it has reached 16 KiB. A log that is off skips the
    /// call.
    pub fn line(&self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.is_off {
            return;
        }
        let mut buffer = self.buffer.borrow_mut();
        write(&mut buffer);
        if buffer.len() >= FLUSH_AT {
            self.send(&mut buffer);
        }
    }

    /// Sends the collected lines to the writer.
    pub fn flush(&self) {
        let mut buffer = self.buffer.borrow_mut();
        if !buffer.is_empty() {
            self.send(&mut buffer);
        }
    }

    fn send(&self, buffer: &mut Vec<u8>) {
        let lines = std::mem::take(buffer);
        if self.sender.commands.try_send(WriterCommand::Write { sink: self.sink, lines }).is_err() {
            self.sender.state.dropped.fetch_add(1, Ordering::Relaxed);
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
            // Only the first dropped buffer and each thousandth are logged: the disk may stay full for days.
            if dropped.fetch_add(1, Ordering::Relaxed).is_multiple_of(DROP_REPORT_INTERVAL) {
                tracing::error!(%error, "access log: cannot write; lines are dropped");
            }
        }
    }

    fn reopen(&mut self, open: OpenLog) {
        let LogSink::File { path, file } = self else { return };
        match open(path) {
            Ok(new) => *file = new,
            Err(error) => {
                let path = path.display();
                tracing::error!(%path, %error, "access log: cannot reopen; lines are written to the old file");
            }
        }
    }
}

/// Dropped buffers between two log messages about them.
const DROP_REPORT_INTERVAL: u64 = 1000;

/// Buffer size in bytes at which a worker sends its lines, unless a timer tick has sent them before.
const FLUSH_AT: usize = 16 * 1024;

/// Buffers in the queue of the writer: 256 of 16 KiB are 4 MiB of lines.
const QUEUE: usize = 256;
