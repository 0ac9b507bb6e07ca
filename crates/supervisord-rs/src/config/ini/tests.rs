//! What files mean.

use super::*;

fn read(text: &str) -> Ini {
    let mut ini = Ini::default();
    ini.read(Path::new("/etc/x.conf"), text.as_bytes());
    ini
}

fn value(text: &str, key: &str) -> String {
    let ini = read(text);
    ini.section("a").unwrap().raw(key).unwrap().to_owned()
}

#[test]
fn a_comment_needs_a_blank_before_it_and_quotes_do_not_protect() {
    assert_eq!(value("[a]\nc = sh -c \"x ; y\"\n", "c"), "sh -c \"x");
    assert_eq!(value("[a]\nc = a;b#c\n", "c"), "a;b#c");
    assert_eq!(value("[a]\nC: 1\t# one\n", "c"), "1");
}

#[test]
fn an_indented_line_continues_the_value_and_later_keys_win() {
    assert_eq!(value("[a]\nc = x\n  y\n\n  z\nd=1\n", "c"), "x\ny\n\nz");
    assert_eq!(value("[a]\nc=1\n[b]\n[a]\nc=2\n", "c"), "2");
    assert_eq!(value("[DEFAULT]\nc=1\n[a]\n", "c"), "1");
    assert_eq!(value("[a]\nc=2\n[DEFAULT]\nc=1\n", "c"), "2");
    assert_eq!(value("[a]\r\nc=1\r\n", "c"), "1");
    assert_eq!(value("[a]\nc=\n  1\n\n\n", "c"), "\n1");
}

#[test]
fn a_bad_line_costs_its_section_and_text_before_any_section_the_file() {
    let ini = read("[a]\nnonsense\nc=1\n[b]\nd=2\n");
    assert_eq!(ini.broken("a").unwrap().line, 2);
    assert!(ini.broken("b").is_none());
    let ini = read("x=1\n[a]\n");
    assert_eq!(ini.problems()[0].line, 1);
    assert!(ini.section("a").is_none());
}

#[test]
fn bytes_that_are_no_text_cost_their_section_unless_they_are_a_comment() {
    let mut ini = Ini::default();
    ini.read(Path::new("/x"), b"[a]\n# \xff\nc=1\n[b]\nc=\xff\n");
    assert!(ini.broken("a").is_none());
    assert_eq!(ini.broken("b").unwrap().line, 5);
}

#[test]
fn a_refused_value_names_the_file_it_stands_in() {
    let mut ini = Ini::default();
    ini.read(Path::new("/one"), b"[a]\n\nx=1\n");
    ini.read(Path::new("/two"), b"[a]\n\ny=1\n");
    let section = ini.section("a").unwrap();
    let place = |key| section.refused(key, "bad").place;
    assert_eq!((&*place("x").file, place("x").line), (Path::new("/one"), 3));
    assert_eq!((&*place("y").file, place("y").line), (Path::new("/two"), 3));
}

#[test]
fn here_is_the_directory_of_the_file_that_was_read_last_before_it_is_replaced() {
    let mut ini = Ini::default();
    ini.read(
        Path::new("/m/a"),
        b"[DEFAULT]\nd=%(here)s\n[a]\nx=%(here)s/1\n",
    );
    ini.expand_here(Path::new("/m"));
    ini.read(Path::new("/n/b"), b"[b]\nx=%(here)s/2 %(here)r\n");
    ini.expand_here(Path::new("/n"));
    let raw = |section, key| ini.section(section).unwrap().raw(key).unwrap().to_owned();
    assert_eq!(raw("a", "x"), "/m/1");
    assert_eq!(raw("a", "d"), "/m");
    assert_eq!(raw("b", "x"), "/n/2 %(here)r");
    assert_eq!(raw("b", "d"), "/n");
}
