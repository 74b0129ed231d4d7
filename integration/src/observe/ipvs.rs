//! Reads a namespace's IPVS tables from /proc: how many connections it took, and its destinations.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::net::Ipv4Addr;

/// What one director's kernel says about its services, summed over services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Connections scheduled since the module was loaded.
    pub connections: u64,
    /// Packets received for services.
    pub packets: u64,
    /// Destinations by address. A server that is in no service is absent.
    pub destinations: BTreeMap<Ipv4Addr, Destination>,
}

impl Snapshot {
    /// Will new connections go to `server`?
    pub fn serves(&self, server: Ipv4Addr) -> bool {
        self.destinations.get(&server).is_some_and(|d| d.weight > 0)
    }
}

/// One real server in the kernel's table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    /// Weight; 0 takes no new connections.
    pub weight: u32,
    /// Active connections.
    pub active: u32,
    /// Inactive connections.
    pub inactive: u32,
}

/// Open files of a namespace's /proc/net, which can be read from anywhere once opened inside.
#[derive(Debug)]
pub struct Reader {
    table: File,
    stats: File,
}

impl Reader {
    /// Opens the files; to be called on a thread that is in the namespace.
    ///
    /// # Errors
    /// When the kernel has no IPVS.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            table: File::open("/proc/thread-self/net/ip_vs")?,
            stats: File::open("/proc/thread-self/net/ip_vs_stats_percpu")?,
        })
    }

    /// Reads both.
    ///
    /// # Errors
    /// When a file cannot be read any more.
    pub fn read(&mut self) -> io::Result<Snapshot> {
        let (connections, packets) = parse_stats(&reread(&mut self.stats)?);
        Ok(Snapshot { connections, packets, destinations: parse_table(&reread(&mut self.table)?) })
    }
}

fn reread(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Connections and packets, summed over the lines of /proc/net/ip_vs_stats_percpu, which are in hex. Its neighbour
/// ip_vs_stats is only brought up to date every two seconds.
fn parse_stats(text: &str) -> (u64, u64) {
    let mut sum = (0, 0);
    for line in text.lines() {
        let numbers: Vec<Option<u64>> =
            line.split_whitespace().map(|word| u64::from_str_radix(word, 16).ok()).collect();
        // CPU, connections, packets in and out, bytes in and out; totals and headings begin with a word.
        if let [Some(_), Some(connections), Some(packets), Some(_), Some(_), Some(_)] = numbers.as_slice() {
            sum = (sum.0 + connections, sum.1 + packets);
        }
    }
    sum
}

/// Destinations from the `-> ADDRESS:PORT Forward Weight Active Inactive` lines of /proc/net/ip_vs.
fn parse_table(text: &str) -> BTreeMap<Ipv4Addr, Destination> {
    let mut destinations: BTreeMap<Ipv4Addr, Destination> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some("->") {
            continue;
        }
        let words: Vec<&str> = words.collect();
        let [address, _forward, weight, active, inactive] = words.as_slice() else { continue };
        let Some(address) = address.split(':').next().and_then(|hex| u32::from_str_radix(hex, 16).ok())
        else {
            continue;
        };
        let number = |word: &str| word.parse::<u32>().unwrap_or(0);
        let entry = destinations.entry(Ipv4Addr::from_bits(address)).or_default();
        entry.weight = entry.weight.max(number(weight));
        entry.active += number(active);
        entry.inactive += number(inactive);
    }
    destinations
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A090909:0050 mh (mh-fallback,mh-port)
  -> 0A02000C:0050      Route   1      3          40        
  -> 0A02000B:0050      Route   0      1          2         
";

    const STATS: &str = "       Total Incoming Outgoing         Incoming         Outgoing
CPU    Conns  Packets  Packets            Bytes            Bytes
  0       1F       A0        0             4B00                0
  1        2        4        0              1E0                0
  ~       21       A4        0             4CE0                0

     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
           2        3        0               10                0
";

    #[test]
    fn the_table_is_read_by_destination() {
        let destinations = parse_table(TABLE);
        let b = Ipv4Addr::new(10, 2, 0, 12);
        assert_eq!(destinations[&b], Destination { weight: 1, active: 3, inactive: 40 });
        let snapshot = Snapshot { destinations, ..Snapshot::default() };
        assert!(snapshot.serves(b));
        assert!(!snapshot.serves(Ipv4Addr::new(10, 2, 0, 11)));
        assert!(!snapshot.serves(Ipv4Addr::new(10, 2, 0, 13)));
    }

    #[test]
    fn processors_are_summed_and_numbers_are_hexadecimal() {
        assert_eq!(parse_stats(STATS), (33, 164));
        assert_eq!(parse_stats(""), (0, 0));
    }
}
