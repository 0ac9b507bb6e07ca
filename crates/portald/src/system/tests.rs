//! The files of both cgroup versions.

use super::*;

/// A sampler over a tree of files.
fn sampler(files: &[(&str, &str)]) -> (Sampler, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    write(&dir, files);
    (Sampler::new(dir.path()), dir)
}

fn write(dir: &tempfile::TempDir, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

const MEMINFO: (&str, &str) = (
    "proc/meminfo",
    "MemTotal: 1000000 kB\nMemFree: 1 kB\nMemAvailable: 400000 kB\n",
);

#[test]
fn version_2_limits_and_usage_are_the_containers() {
    let (mut sampler, dir) = sampler(&[
        MEMINFO,
        ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
        (
            "sys/fs/cgroup/cpu.stat",
            "usage_usec 1000000\nuser_usec 1\n",
        ),
        ("sys/fs/cgroup/memory.low", "0\n"),
        ("sys/fs/cgroup/memory.max", "104857600\n"),
        ("sys/fs/cgroup/memory.current", "52428800\n"),
        (
            "sys/fs/cgroup/memory.stat",
            "anon 1\ninactive_file 2428800\n",
        ),
    ]);
    let start = Instant::now();
    let first = sampler.sample(start);
    assert_eq!(first.cpu_percent, None);
    assert_eq!(first.memory_total_bytes, Some(104_857_600));
    assert_eq!(first.memory_used_bytes, Some(50_000_000));
    assert!(first.memory_limited);
    write(&dir, &[("sys/fs/cgroup/cpu.stat", "usage_usec 1250000\n")]);
    let second = sampler.sample(start + Duration::from_secs(1));
    assert_eq!(second.cpu_percent, Some(50.0));
    assert_eq!(second.cpu_history, [50]);
}

#[test]
fn version_1_files_are_understood() {
    let (mut sampler, _dir) = sampler(&[
        MEMINFO,
        ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpuacct/cpuacct.usage", "1000\n"),
        (
            "sys/fs/cgroup/memory/memory.soft_limit_in_bytes",
            "9223372036854771712\n",
        ),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000\n"),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "600000\n"),
        (
            "sys/fs/cgroup/memory/memory.stat",
            "total_inactive_file 100000\n",
        ),
    ]);
    let sample = sampler.sample(Instant::now());
    assert!((sample.cpu_cores - 1.0).abs() < f64::EPSILON);
    assert_eq!(sample.memory_total_bytes, Some(1_000_000));
    assert_eq!(sample.memory_used_bytes, Some(500_000));
}

#[test]
fn without_a_limit_the_figures_are_the_hosts() {
    let (mut sampler, _dir) = sampler(&[
        MEMINFO,
        ("sys/fs/cgroup/cpu.max", "max 100000\n"),
        ("sys/fs/cgroup/memory.max", "max\n"),
        ("proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\n"),
    ]);
    let sample = sampler.sample(Instant::now());
    assert!(!sample.memory_limited);
    assert_eq!(sample.memory_total_bytes, Some(1_024_000_000));
    assert_eq!(sample.memory_used_bytes, Some(614_400_000));
    assert!(sample.cpu_cores >= 1.0);
}

#[test]
fn what_cannot_be_read_is_absent_and_never_zero() {
    let (mut sampler, _dir) = sampler(&[("sys/fs/cgroup/cpu.stat", "nonsense")]);
    let sample = sampler.sample(Instant::now());
    assert_eq!(sample.cpu_percent, None);
    assert_eq!(sample.memory_used_bytes, None);
    assert_eq!(sample.memory_total_bytes, None);
}

#[test]
fn a_counter_that_went_back_gives_no_figure() {
    let (mut sampler, dir) = sampler(&[("sys/fs/cgroup/cpu.stat", "usage_usec 9000000\n")]);
    let start = Instant::now();
    sampler.sample(start);
    write(&dir, &[("sys/fs/cgroup/cpu.stat", "usage_usec 5\n")]);
    let sample = sampler.sample(start + Duration::from_secs(2));
    assert_eq!(sample.cpu_percent, None);
}
