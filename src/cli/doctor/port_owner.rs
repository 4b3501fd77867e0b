//! Which program listens on a port, as `/proc` tells it (proc(5)).

use std::fs;
use std::path::Path;

/// Who listens.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PortOwner {
    /// This very program, in another process.
    Gatepost,
    /// Its name.
    Program(String),
    /// Its process cannot be looked into, or is in another container.
    Unknown,
}

/// Who listens on a TCP port of this machine.
pub(super) fn on(port: u16) -> PortOwner {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: Vec<String> = tables.iter().flat_map(|table| listening(table, port)).collect();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut processes = processes.filter(|path| path.join("fd").is_dir());
    processes.find(|process| has_any(process, &sockets)).map_or(PortOwner::Unknown, |process| named(&process))
}

/// The sockets of a table that listen on a port, as links to them are written.
fn listening(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // number, local address, remote address, state, …, inode in the tenth column
    let of_port = lines.filter(|it| it.len() > 9 && it[1].ends_with(&suffix) && it[3] == LISTEN);
    of_port.map(|columns| format!("socket:[{}]", columns[9])).collect()
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

/// `TCP_LISTEN`.
const LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_socket_that_listens_is_found_in_the_table_by_its_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 4711 1 0 100\n\
                     1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000  0  0 4712 1 0 100\n";
        assert_eq!(listening(table, 8080), ["socket:[4711]"]);
        assert!(listening(table, 80).is_empty());
    }

    #[test]
    fn the_program_that_listens_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = fs::read_to_string("/proc/self/comm").unwrap();
        let process = PortOwner::Program(own.trim_end().to_owned());
        assert!([process, PortOwner::Gatepost].contains(&on(listener.local_addr().unwrap().port())));
    }
}
