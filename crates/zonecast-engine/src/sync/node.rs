//! Who holds a lease: one process, told apart from every other that ever ran.
//!
//! A lease that its holder let pass may be held by a process that is only stopped and will go on, so
//! whoever takes it over waits. A holder that is *known* to be dead needs no waiting: the identity
//! carries machine, boot, process id and start time, which on the same machine settles it. So a
//! daemon that was killed and started again goes on at once.

use std::fs;

/// `machine/boot/pid/start`: unique to one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeId(String);

impl NodeId {
    /// This process.
    pub fn of_this_process() -> NodeId {
        let pid = std::process::id();
        NodeId(format!("{}/{}/{}", machine(), pid, start_time(pid).unwrap_or_default()))
    }

    /// The text in the lease.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the process that signed `holder` is certainly gone: it ran on this machine, since this
/// boot, and no process with its id and start time is there any more.
pub fn is_certainly_dead(holder: &str) -> bool {
    let mut parts = holder.rsplitn(3, '/');
    let (Some(start), Some(pid), Some(place)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let Ok(pid) = pid.parse::<u32>() else { return false };
    place == machine() && start_time(pid).is_none_or(|now| now != start)
}

fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    // The pid namespace belongs to the identity: two containers on one kernel share the boot id.
    let pids = fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default();
    format!("{}/{pids}", read("/proc/sys/kernel/random/boot_id"))
}

/// Field 22 of `/proc/PID/stat`; a zombie counts as gone.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_its_predecessor_does_not() {
        let me = NodeId::of_this_process();
        assert!(!is_certainly_dead(me.as_str()));
        assert!(is_certainly_dead(&format!("{}/{}/1", machine(), std::process::id())));
        assert!(!is_certainly_dead("another-machine/pid:[1]/1/1"), "nothing is known of other machines");
        assert!(!is_certainly_dead("garbage"));
    }
}
