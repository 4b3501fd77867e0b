//! Finds the process that listens on a TCP port through `/proc` (proc(5)).

use std::fs;
use std::path::Path;

/// The program that listens on a port.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PortOwner {
    /// Gatepost itself, in another process.
    Gatepost,
    /// The name of the program, from `/proc/PID/comm`.
    Program(String),
    /// The descriptors of the process are not readable, or it runs in another container.
    Unknown,
}

/// Returns the program that listens on a TCP port of this machine.
pub(super) fn find(port: u16) -> PortOwner {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: Vec<String> = tables.iter().flat_map(|table| listening(table, port)).collect();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut processes = processes.filter(|path| path.join("fd").is_dir());
    processes.find(|process| has_any(process, &sockets)).map_or(PortOwner::Unknown, |process| named(&process))
}

/// Returns the sockets of a table of `/proc/net` that listen on a port, in the notation of the links in
/// `/proc/PID/fd`.
fn listening(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // Columns: number, local address, remote address, state, …, inode (the tenth).
    let listening = lines.filter(|it| it.len() > 9 && it[1].ends_with(&suffix) && it[3] == LISTEN);
    listening.map(|columns| format!("socket:[{}]", columns[9])).collect()
}

fn has_any(process: &Path, sockets: &[String]) -> bool {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    descriptors
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
}

fn named(process: &Path) -> PortOwner {
    match fs::read_to_string(process.join("comm")) {
        Ok(name) if name.trim_end() == env!("CARGO_PKG_NAME") => PortOwner::Gatepost,
        Ok(name) => PortOwner::Program(name.trim_end().to_owned()),
        Err(_) => PortOwner::Unknown,
    }
}

/// The state `TCP_LISTEN`.
const LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listening_socket_is_found_by_its_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 4711 1 0 100\n\
                     1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000  0  0 4712 1 0 100\n";
        assert_eq!(listening(table, 8080), ["socket:[4711]"]);
        assert!(listening(table, 80).is_empty());
    }

    #[test]
    fn the_owner_of_a_listening_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = fs::read_to_string("/proc/self/comm").unwrap();
        let process = PortOwner::Program(own.trim_end().to_owned());
        assert!([process, PortOwner::Gatepost].contains(&find(listener.local_addr().unwrap().port())));
    }
}
