//! What a proxy has cost so far: processor time and memory of all its processes, as the kernel tells it.
//!
//! The time of a thread that has ended is not known any more; none of the proxies ends a thread that carries traffic.

use std::fs;
use std::time::Duration;

/// A process and all its descendants.
#[derive(Clone, Copy, Debug)]
pub struct ProcessTree {
    root: u32,
}

impl ProcessTree {
    /// The process of this id, and those that it starts.
    pub fn of(root: u32) -> ProcessTree {
        ProcessTree { root }
    }

    /// The ids of its processes, parents first.
    pub fn processes(self) -> Vec<u32> {
        let mut found = vec![self.root];
        let mut next = 0;
        while let Some(process) = found.get(next).copied() {
            next += 1;
            for task in tasks(process) {
                let children = fs::read_to_string(format!("{task}/children")).unwrap_or_default();
                found.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            }
        }
        found
    }

    /// The processor time of all its threads, exact to the nanosecond.
    pub fn run_time(self) -> Duration {
        let tasks = self.processes().into_iter().flat_map(tasks);
        let texts = tasks.filter_map(|task| fs::read_to_string(format!("{task}/schedstat")).ok());
        texts.filter_map(|text| run_time(&text)).sum()
    }

    /// Its memory in bytes. Of what processes share, each has its part.
    pub fn memory(self) -> u64 {
        let rollups = self.processes().into_iter().map(|process| format!("/proc/{process}/smaps_rollup"));
        rollups.filter_map(|path| fs::read_to_string(path).ok()).filter_map(|text| memory(&text)).sum()
    }
}

fn tasks(process: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    tasks.map(|task| task.path().to_string_lossy().into_owned()).collect()
}

/// The first number of `schedstat`: nanoseconds on a processor.
fn run_time(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// The proportional share of `smaps_rollup`, in bytes.
fn memory(rollup: &str) -> Option<u64> {
    let field = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = field.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_time_is_the_first_number_of_schedstat() {
        assert_eq!(run_time("1234567890 55 7\n"), Some(Duration::from_nanos(1_234_567_890)));
        assert_eq!(run_time(""), None);
        assert_eq!(run_time("much"), None);
    }

    #[test]
    fn memory_is_the_proportional_share_alone() {
        let rollup = "00400000-7ffd000 ---p 00000000 00:00 0    [rollup]\nRss:     900 kB\nPss:             123 kB\nPss_Anon: 7 kB\n";
        assert_eq!(memory(rollup), Some(123 * 1024));
        assert_eq!(memory("Rss: 900 kB\n"), None);
        assert_eq!(memory("Pss: 900 MB\n"), None);
    }

    #[test]
    fn a_process_that_runs_costs_something_and_one_that_is_gone_nothing() {
        let this = ProcessTree::of(std::process::id());
        assert!(this.run_time() > Duration::ZERO && this.memory() > 0);
        let gone = ProcessTree::of(u32::MAX);
        assert_eq!((gone.run_time(), gone.memory()), (Duration::ZERO, 0));
    }

    #[test]
    fn children_belong_to_the_tree() {
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        let found = ProcessTree::of(std::process::id()).processes().contains(&child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
    }
}
