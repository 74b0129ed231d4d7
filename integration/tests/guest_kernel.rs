//! The kernel that the guest tests run on is a real one, with everything that `director` programs.

use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn ipvs_takes_every_scheduler_in_a_namespace_of_its_own() {
    let lab = Lab::start(&Topology::named("one-host").unwrap(), &Options::labelled("schedulers")).unwrap();
    let host = lab.node("h");
    let schedulers = ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf"];
    for (number, scheduler) in schedulers.iter().enumerate() {
        let service = format!("10.9.0.1:{}", 80 + number);
        host.run(&["ipvsadm", "-A", "-t", &service, "-s", scheduler]).unwrap();
    }
    let table = host.run(&["ipvsadm", "-Ln"]).unwrap();
    let services = table.lines().filter(|line| line.starts_with("TCP  10.9.0.1:")).count();
    assert_eq!(services, schedulers.len(), "{table}");
    host.set_sysctl("net.ipv4.vs.sloppy_tcp", "1").unwrap();
}

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn a_table_is_not_seen_in_another_namespace() {
    let topology = Topology::named("one-host").unwrap();
    let first = Lab::start(&topology, &Options::labelled("first")).unwrap();
    let second = Lab::start(&topology, &Options::labelled("second")).unwrap();
    first.node("h").run(&["ipvsadm", "-A", "-u", "10.9.0.1:53", "-s", "rr"]).unwrap();
    let service = |lab: &Lab| lab.node("h").run(&["ipvsadm", "-Ln"]).unwrap().contains("10.9.0.1:53");
    assert!(service(&first));
    assert!(!service(&second));
}
