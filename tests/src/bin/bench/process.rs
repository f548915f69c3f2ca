//! Child processes: their port, CPU time and memory.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a server that prints its readiness line, and waits for that line.
    pub(crate) fn start(binary: &Path, arguments: &[&str]) -> Server {
        let mut command = Command::new(binary);
        if arguments != ["bare"] {
            command.args(["serve", "--port", "0"]);
        }
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap_or_else(
                |error| panic!("{}: {error}; run `cargo build --release` first", binary.display()),
            );
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut port = None;
        for line in output.lines() {
            let line = line.expect("text");
            if let Some((_, found)) = line.rsplit_once("ready http://127.0.0.1:") {
                port = found.parse().ok();
                break;
            }
        }
        Server { child, port: port.expect("a readiness line") }
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("the process runs");
        let after_name = stat.rsplit_once(") ").expect("a name").1;
        let fields: Vec<&str> = after_name.split(' ').collect();
        let ticks = |at: usize| fields[at].parse::<u64>().expect("ticks");
        // Linux reports in hundredths of a second on every machine that this runs on.
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }

    pub(crate) fn resident_bytes(&self) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
    }

    pub(crate) fn stop(mut self) {
        self.child.kill().expect("the process runs");
        self.child.wait().expect("the process ends");
    }
}

/// What was measured on, and when.
pub(crate) fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date = Command::new("date").arg("+%Y-%m-%d").output().map(|output| output.stdout).unwrap_or_default();
    format!(
        "Machine: {} ({cores} cores shared by server and clients), Linux {}. Date: {}.",
        model.trim_start_matches([' ', '\t', ':']),
        kernel.trim(),
        String::from_utf8_lossy(&date).trim()
    )
}
