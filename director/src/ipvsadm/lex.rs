//! Arguments to options and words, as popt reads them: short options cluster, a value may be glued to its option or follow it, and
//! `--` ends the options.

use super::UsageError;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `-A`
    AddService,
    /// `-E`
    EditService,
    /// `-D`
    DeleteService,
    /// `-C`
    Clear,
    /// `-R`
    Restore,
    /// `-S`
    Save,
    /// `-a`
    AddServer,
    /// `-e`
    EditServer,
    /// `-d`
    DeleteServer,
    /// `-L`
    List,
    /// `-Z`
    Zero,
    /// `--set`
    Set,
    /// `--start-daemon`
    StartDaemon,
    /// `--stop-daemon`
    StopDaemon,
    /// `-h`
    Help,
    /// `-v`
    Version,
}

/// What says how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// `-n`
    Numeric,
    /// `-c`
    Connection,
    /// `-t`
    Tcp,
    /// `-u`
    Udp,
    /// `--sctp-service`
    Sctp,
    /// `-f`
    Mark,
    /// `-6`
    Ipv6,
    /// `-s`
    Scheduler,
    /// `-p`
    Persistent,
    /// `-M`
    Netmask,
    /// `-r`
    RealServer,
    /// `-g`
    Gatewaying,
    /// `-i`
    Ipip,
    /// `-m`
    Masquerading,
    /// `-w`
    Weight,
    /// `-x`
    Upper,
    /// `-y`
    Lower,
    /// `--mcast-interface`
    McastInterface,
    /// `--timeout`
    Timeout,
    /// `--daemon`
    Daemon,
    /// `--stats`
    Stats,
    /// `--rate`
    Rate,
    /// `--thresholds`
    Thresholds,
    /// `--persistent-conn`
    PersistentConn,
    /// `--nosort`
    NoSort,
    /// `--sort`
    Sort,
    /// `--syncid`
    SyncId,
    /// `--exact`
    Exact,
    /// `-o`
    OnePacket,
    /// `--pe`
    Engine,
    /// `-b`
    SchedFlags,
    /// `--mcast-group`
    McastGroup,
    /// `--mcast-port`
    McastPort,
    /// `--mcast-ttl`
    McastTtl,
    /// `--sync-maxlen`
    SyncMaxlen,
    /// `--tun-info`
    TunInfo,
    /// `--tun-type`
    TunType,
    /// `--tun-port`
    TunPort,
    /// `--tun-nocsum`
    TunNocsum,
    /// `--tun-csum`
    TunCsum,
    /// `--tun-remcsum`
    TunRemcsum,
}

/// Does an option take a value?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    /// A value unless the next argument is an option.
    Perhaps,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Verb(Verb),
    Switch(Switch),
}

/// A line of arguments, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lexed {
    /// The command, with its value.
    pub verb: Verb,
    /// The value of `--start-daemon` and `--stop-daemon`.
    pub role: Option<String>,
    /// All other options, in order.
    pub switches: Vec<(Switch, Option<String>)>,
    /// What is no option.
    pub words: Vec<String>,
}

type Row = (Name, Option<char>, &'static str, Takes);

const fn verb(verb: Verb, letter: Option<char>, name: &'static str, takes: Takes) -> Row {
    (Name::Verb(verb), letter, name, takes)
}

const fn switch(switch: Switch, letter: Option<char>, name: &'static str, takes: Takes) -> Row {
    (Name::Switch(switch), letter, name, takes)
}

const TABLE: &[Row] = &[
    verb(Verb::AddService, Some('A'), "add-service", Takes::Nothing),
    verb(Verb::EditService, Some('E'), "edit-service", Takes::Nothing),
    verb(Verb::DeleteService, Some('D'), "delete-service", Takes::Nothing),
    verb(Verb::Clear, Some('C'), "clear", Takes::Nothing),
    verb(Verb::Restore, Some('R'), "restore", Takes::Nothing),
    verb(Verb::Save, Some('S'), "save", Takes::Nothing),
    verb(Verb::AddServer, Some('a'), "add-server", Takes::Nothing),
    verb(Verb::EditServer, Some('e'), "edit-server", Takes::Nothing),
    verb(Verb::DeleteServer, Some('d'), "delete-server", Takes::Nothing),
    verb(Verb::List, Some('L'), "list", Takes::Nothing),
    verb(Verb::List, Some('l'), "list", Takes::Nothing),
    verb(Verb::Zero, Some('Z'), "zero", Takes::Nothing),
    verb(Verb::Set, None, "set", Takes::Nothing),
    verb(Verb::StartDaemon, None, "start-daemon", Takes::Value),
    verb(Verb::StopDaemon, None, "stop-daemon", Takes::Value),
    verb(Verb::Help, Some('h'), "help", Takes::Nothing),
    verb(Verb::Version, Some('v'), "version", Takes::Nothing),
    switch(Switch::Numeric, Some('n'), "numeric", Takes::Nothing),
    switch(Switch::Connection, Some('c'), "connection", Takes::Nothing),
    switch(Switch::Tcp, Some('t'), "tcp-service", Takes::Value),
    switch(Switch::Udp, Some('u'), "udp-service", Takes::Value),
    switch(Switch::Sctp, None, "sctp-service", Takes::Value),
    switch(Switch::Mark, Some('f'), "fwmark-service", Takes::Value),
    switch(Switch::Ipv6, Some('6'), "ipv6", Takes::Nothing),
    switch(Switch::Scheduler, Some('s'), "scheduler", Takes::Value),
    switch(Switch::Persistent, Some('p'), "persistent", Takes::Perhaps),
    switch(Switch::Netmask, Some('M'), "netmask", Takes::Value),
    switch(Switch::RealServer, Some('r'), "real-server", Takes::Value),
    switch(Switch::Gatewaying, Some('g'), "gatewaying", Takes::Nothing),
    switch(Switch::Ipip, Some('i'), "ipip", Takes::Nothing),
    switch(Switch::Masquerading, Some('m'), "masquerading", Takes::Nothing),
    switch(Switch::Weight, Some('w'), "weight", Takes::Value),
    switch(Switch::Upper, Some('x'), "u-threshold", Takes::Value),
    switch(Switch::Lower, Some('y'), "l-threshold", Takes::Value),
    switch(Switch::McastInterface, None, "mcast-interface", Takes::Value),
    switch(Switch::Timeout, None, "timeout", Takes::Nothing),
    switch(Switch::Daemon, None, "daemon", Takes::Nothing),
    switch(Switch::Stats, None, "stats", Takes::Nothing),
    switch(Switch::Rate, None, "rate", Takes::Nothing),
    switch(Switch::Thresholds, None, "thresholds", Takes::Nothing),
    switch(Switch::PersistentConn, None, "persistent-conn", Takes::Nothing),
    switch(Switch::NoSort, None, "nosort", Takes::Nothing),
    switch(Switch::Sort, None, "sort", Takes::Nothing),
    switch(Switch::SyncId, None, "syncid", Takes::Value),
    switch(Switch::Exact, Some('X'), "exact", Takes::Nothing),
    switch(Switch::OnePacket, Some('o'), "ops", Takes::Nothing),
    switch(Switch::Engine, None, "pe", Takes::Value),
    switch(Switch::SchedFlags, Some('b'), "sched-flags", Takes::Value),
    switch(Switch::McastGroup, None, "mcast-group", Takes::Value),
    switch(Switch::McastPort, None, "mcast-port", Takes::Value),
    switch(Switch::McastTtl, None, "mcast-ttl", Takes::Value),
    switch(Switch::SyncMaxlen, None, "sync-maxlen", Takes::Value),
    switch(Switch::TunInfo, None, "tun-info", Takes::Nothing),
    switch(Switch::TunType, None, "tun-type", Takes::Value),
    switch(Switch::TunPort, None, "tun-port", Takes::Value),
    switch(Switch::TunNocsum, None, "tun-nocsum", Takes::Nothing),
    switch(Switch::TunCsum, None, "tun-csum", Takes::Nothing),
    switch(Switch::TunRemcsum, None, "tun-remcsum", Takes::Nothing),
];

/// The long name of a switch.
pub(super) fn switch_name(switch: Switch) -> &'static str {
    TABLE.iter().find(|row| row.0 == Name::Switch(switch)).map_or("", |row| row.2)
}

/// The long name of a command.
pub(super) fn verb_name(verb: Verb) -> &'static str {
    TABLE.iter().find(|row| row.0 == Name::Verb(verb)).map_or("", |row| row.2)
}

/// Takes arguments apart; the name of the program is not among them.
pub fn lex(arguments: &[String]) -> Result<Lexed, UsageError> {
    let mut options = Vec::new();
    let mut words = Vec::new();
    let mut rest = arguments.iter().map(String::as_str).peekable();
    let mut ended = false;
    while let Some(argument) = rest.next() {
        let mut follower = |takes: Takes| match takes {
            Takes::Nothing => None,
            Takes::Value => rest.next(),
            Takes::Perhaps => rest.next_if(|next| !next.starts_with('-')),
        };
        if ended || argument == "-" || !argument.starts_with('-') {
            words.push(argument.to_owned());
        } else if argument == "--" {
            ended = true;
        } else if let Some(long) = argument.strip_prefix("--") {
            options.push(long_option(long, &mut follower)?);
        } else {
            short_options(&argument[1..], &mut options, &mut follower)?;
        }
    }
    let mut options = options.into_iter();
    let Some((Name::Verb(verb), role)) = options.next() else { return Err(UsageError::NoCommand) };
    let switches = options.map(|(name, value)| match name {
        Name::Switch(switch) => Ok((switch, value)),
        Name::Verb(verb) => Err(UsageError::SecondCommand(verb_name(verb))),
    });
    Ok(Lexed { verb, role, switches: switches.collect::<Result<_, _>>()?, words })
}

fn long_option<'a>(
    text: &str,
    follower: &mut impl FnMut(Takes) -> Option<&'a str>,
) -> Result<(Name, Option<String>), UsageError> {
    let (name, glued) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    let problem = |problem| UsageError::Option { option: format!("--{name}"), problem };
    let &(found, _, _, takes) =
        TABLE.iter().find(|row| row.2 == name).ok_or_else(|| problem("unknown option"))?;
    let value = match (takes, glued) {
        (Takes::Nothing, Some(_)) => return Err(problem("option does not take an argument")),
        (_, Some(value)) => Some(value),
        (_, None) => follower(takes),
    };
    if takes == Takes::Value && value.is_none() {
        return Err(problem("missing argument"));
    }
    Ok((found, value.map(str::to_owned)))
}

fn short_options<'a>(
    cluster: &str,
    options: &mut Vec<(Name, Option<String>)>,
    follower: &mut impl FnMut(Takes) -> Option<&'a str>,
) -> Result<(), UsageError> {
    let mut letters = cluster.chars();
    while let Some(letter) = letters.next() {
        let problem = |problem| UsageError::Option { option: format!("-{letter}"), problem };
        let &(found, _, _, takes) =
            TABLE.iter().find(|row| row.1 == Some(letter)).ok_or_else(|| problem("unknown option"))?;
        if takes == Takes::Nothing {
            options.push((found, None));
            continue;
        }
        // What follows in the cluster is the value.
        let glued = letters.as_str();
        let glued = glued.strip_prefix('=').unwrap_or(glued);
        let value = if glued.is_empty() { follower(takes) } else { Some(glued) };
        if takes == Takes::Value && value.is_none() {
            return Err(problem("missing argument"));
        }
        options.push((found, value.map(str::to_owned)));
        break;
    }
    Ok(())
}
