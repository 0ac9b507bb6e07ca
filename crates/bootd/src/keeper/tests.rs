use super::*;

#[test]
fn the_first_restart_is_at_once_and_later_ones_slow_down() {
    let seconds: Vec<u64> = (0..8).map(|deaths| brake(deaths).as_secs()).collect();
    assert_eq!(seconds, [0, 0, 1, 2, 4, 8, 10, 10]);
    assert_eq!(brake(u32::MAX), LONGEST_BRAKE);
}
