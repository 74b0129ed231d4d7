//! Lines of `ipvsadm -S`, read back: all are checked before any is obeyed.

use super::parse::{Command, parse};
use super::{Names, UsageError};
use crate::core::plan::Op;

/// What to do, and which line asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restore {
    /// Operations in the order of the lines.
    pub ops: Vec<Op>,
    /// The number of each operation's line, from 1.
    pub lines: Vec<usize>,
}

/// A line that cannot be obeyed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct LineError {
    /// Which, from 1.
    pub line: usize,
    /// Why.
    pub problem: UsageError,
}

/// Reads lines of arguments. Blank lines are skipped, as are the word `ipvsadm` and what follows a `#` at the start of a word.
pub fn restore(text: &str, names: &dyn Names) -> Result<Restore, LineError> {
    let mut plan = Restore::default();
    for (number, line) in (1..).zip(text.lines()) {
        let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let arguments: Vec<String> = words.filter(|word| *word != "ipvsadm").map(str::to_owned).collect();
        if arguments.is_empty() {
            continue;
        }
        let problem = match parse(&arguments, names) {
            Ok(Command::Change(op)) => {
                plan.ops.push(op);
                plan.lines.push(number);
                continue;
            }
            Ok(_) => UsageError::Rule("only -A, -E, -D, -a, -e, -d and --set can be restored"),
            Err(problem) => problem,
        };
        return Err(LineError { line: number, problem });
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvsadm::NumbersOnly;

    #[test]
    fn saved_lines_come_back_as_they_were() {
        let lines = "-A -t 10.0.0.1:80 -s mh -p 300 -M 255.255.255.0 -b mh-fallback,mh-port\n\
                     -a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 1 -x 100 -y 80\n\
                     -A -u [2001:db8::1]:5060 -s rr -p 60 -M 64 --pe sip -o\n\
                     -a -u [2001:db8::1]:5060 -r 10.0.1.1:5060 -i -w 0 --tun-type gue --tun-port 6080 --tun-csum\n\
                     -A -f 7 -6 -s wlc\n\
                     -a -f 7 -6 -r [2001:db8::2]:0 -i -w 70000 --tun-type gre --tun-nocsum\n\
                     -A --sctp-service 10.0.0.1:9 -s sh\n\
                     -a --sctp-service 10.0.0.1:9 -r 10.0.1.1:99 -m -w 3\n\
                     --set 900 0 300\n";
        let plan = restore(lines, &NumbersOnly).unwrap();
        let again: String = plan.ops.iter().map(|op| format!("{op}\n")).collect();
        assert_eq!(again, lines);
        assert_eq!(plan.lines, (1..=9).collect::<Vec<_>>());
    }

    #[test]
    fn comments_and_blank_lines_are_skipped_and_still_counted() {
        let lines = "# saved\n\nipvsadm -A -f 1 # by hand\n-A -f 0\n";
        let problem = UsageError::Value { what: "fwmark value", value: "0".to_owned() };
        assert_eq!(restore(lines, &NumbersOnly), Err(LineError { line: 4, problem }));
        let good = lines.strip_suffix("-A -f 0\n").unwrap();
        assert_eq!(restore(good, &NumbersOnly).unwrap().lines, [3]);
    }

    #[test]
    fn what_changes_no_row_cannot_be_restored() {
        for line in ["-L", "-C", "-R", "-S", "--start-daemon master"] {
            assert!(matches!(
                restore(line, &NumbersOnly).unwrap_err().problem,
                UsageError::Rule("only -A, -E, -D, -a, -e, -d and --set can be restored")
            ));
        }
    }
}
