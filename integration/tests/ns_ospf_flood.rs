//! An adjacency that somebody floods: data and garbage OSPF packets on its own link, as fast as they go.
//!
//! `FLOOD_SECONDS` says for how long; without it a sample is taken.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use integration::clock::{now, pause, until};
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

const OURS: &str = "10.0.0.11";
const FRR: &str = "10.0.0.1";
const VIP: &str = "10.9.0.1/32";
/// Our address on the link to FRR.
const TARGET: Ipv4Addr = Ipv4Addr::new(10, 1, 1, 2);
const ALL_SPF_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 5);
const OSPF: i32 = 89;
/// The sample.
const SECONDS: u64 = 15;

/// Hello 1 s, dead 4 s, and machines with other things to do.
const SOON: Duration = Duration::from_secs(60);

type Flood = JoinHandle<anyhow::Result<u64>>;

/// Sends what `packet` makes until `stop`, and tells how many went out.
fn flood(
    lab: &Lab,
    stop: &Arc<AtomicBool>,
    open: impl FnOnce() -> Socket + Send + 'static,
    mut packet: impl FnMut(u64) -> (Vec<u8>, Ipv4Addr, u16) + Send + 'static,
) -> Flood {
    let stop = Arc::clone(stop);
    lab.node("u1").in_namespace(move || {
        let socket = open();
        let (mut tried, mut sent) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            let (bytes, to, port) = packet(tried);
            let to = SockAddr::from(SocketAddrV4::new(to, port));
            tried += 1;
            // A full queue is what a flood is about.
            sent += u64::from(socket.send_to(&bytes, &to).is_ok());
        }
        sent
    })
}

fn data(lab: &Lab, stop: &Arc<AtomicBool>) -> Flood {
    let open = || Socket::from(UdpSocket::bind("0.0.0.0:0").unwrap());
    flood(lab, stop, open, |count| (vec![0xda; 1400], TARGET, 9 + (count % 1000) as u16))
}

/// Noise, packets that are cut off, wrong checksums, and updates that nobody asked for, in FRR's name and from its address.
fn garbage(lab: &Lab, stop: &Arc<AtomicBool>) -> Flood {
    let open = || {
        let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(OSPF))).unwrap();
        raw.set_multicast_if_v4(&Ipv4Addr::new(10, 1, 1, 1)).unwrap();
        // FRR must not hear what is said in its name.
        raw.set_multicast_loop_v4(false).unwrap();
        raw
    };
    let mut rng = fastrand::Rng::with_seed(7);
    flood(lab, stop, open, move |count| {
        let mut bytes: Vec<u8> = (0..rng.usize(1..400)).map(|_| rng.u8(..)).collect();
        if bytes.len() >= 24 && count % 4 != 0 {
            let length = u16::try_from(bytes.len()).unwrap();
            bytes[..2].copy_from_slice(&[2, 1 + (count % 5) as u8]);
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            bytes[4..12].copy_from_slice(&[10, 0, 0, 1, 0, 0, 0, 0]);
            bytes[14..24].fill(0);
            if count % 2 == 0 {
                // Not descriptions: a good one out of turn ends an adjacency, as it must (RFC 2328 §10.6).
                bytes[1] = [1, 3, 4, 5][(count / 2 % 4) as usize];
                bytes[12..14].fill(0);
                let sum = common::wire::checksum::internet(&[&bytes]);
                bytes[12..14].copy_from_slice(&sum.to_be_bytes());
            }
        }
        (bytes, if count % 3 == 0 { ALL_SPF_ROUTERS } else { TARGET }, 0)
    })
}

/// How often the adjacency has changed, as both ends have it.
fn changes(lab: &Lab) -> (u64, u64) {
    let ours = lab.node("d1").ospfctl_json(&["show", "neighbor"]).unwrap();
    let ours = ours.as_array().unwrap().iter().find(|one| one["neighborRouterId"] == FRR).cloned().unwrap();
    let frr = lab.node("u1").vtysh_json("show ip ospf neighbor detail").unwrap();
    let frr = &frr["neighbors"][OURS][0];
    (ours["stateChanges"].as_u64().unwrap(), frr["stateChangeCounter"].as_u64().unwrap())
}

fn dropped(lab: &Lab) -> u64 {
    let counters = lab.node("d1").ospfctl_json(&["show", "counters"]).unwrap();
    let drops = counters.as_array().unwrap().iter();
    drops
        .filter(|counter| counter["name"].as_str().is_some_and(|name| name.starts_with("drop-")))
        .filter_map(|counter| counter["value"].as_u64())
        .sum()
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn an_adjacency_survives_a_flood_of_data_and_of_garbage_on_its_link_without_a_flap() {
    let seconds = std::env::var("FLOOD_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let lab = Lab::start(&Topology::named("p2p").unwrap(), &Options::labelled("flood")).unwrap();
    let full = || lab.node("d1").is_full_with(FRR) && lab.node("u1").is_full_with(OURS);
    until(SOON, "Full, and the VIP routed", || full() && lab.node("u1").routes_to(VIP).unwrap()).unwrap();
    let (before, drops) = (changes(&lab), dropped(&lab));

    let stop = Arc::new(AtomicBool::new(false));
    let floods = [data(&lab, &stop), garbage(&lab, &stop)];
    let end = now() + Duration::from_secs(seconds);
    while now() < end {
        assert!(full() && lab.node("u1").routes_to(VIP).unwrap(), "the adjacency fell");
        pause(Duration::from_millis(500));
    }
    stop.store(true, Ordering::Relaxed);
    let sent = floods.map(|flood| flood.join().unwrap().unwrap());

    assert_eq!(changes(&lab), before, "{sent:?} packets of data and garbage");
    let refused = dropped(&lab) - drops;
    println!("{seconds} s: {sent:?} packets of data and garbage, {refused} of them dropped by name");
    assert!(refused > 1_000, "the garbage did not arrive: {sent:?} sent, {refused} dropped");
}
