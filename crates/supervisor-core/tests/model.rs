//! The core against a reference that predicts everything it does, over arbitrary stories of one and
//! of several programs.
//!
//! After every step both have said the same, show the same and wait for the same moment; and what
//! must hold in any story is looked at for itself.

mod pair;
mod promises;
mod reference;
mod stories;

use proptest::prelude::*;
use supervisor_core::Patience;

use self::{
    pair::Pair,
    stories::{Story, closing, several, single},
};
use crate::support::seconds;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn one_program_does_as_predicted(story in single()) {
        tell(&story)?;
    }

    #[test]
    fn several_programs_do_as_predicted(story in several()) {
        tell(&story)?;
    }

    #[test]
    fn a_shutdown_goes_as_predicted(story in closing()) {
        tell(&story)?;
    }
}

fn tell(story: &Story) -> Result<(), TestCaseError> {
    let mut pair = Pair::new();
    for (at, group) in story.groups.iter().enumerate() {
        let pasts = story.pasts.get(at).cloned();
        pair.add(group, pasts.unwrap_or_default())?;
    }
    for step in &story.steps {
        pair.take(step, &story.groups)?;
    }
    pair.shut_down(story.patience)?;
    for step in &story.end {
        pair.take(step, &story.groups)?;
    }
    match story.patience {
        // Whatever happened, it ends within its budget.
        Patience::Budget => pair.pass(seconds(6))?,
        // It ends when everything has ended.
        Patience::Own => pair.end_everything()?,
    }
    prop_assert_eq!(pair.drained(), 1, "a shutdown ends, once");
    Ok(())
}

/// `PROPTEST_CASES` makes it longer.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = default.cases * 2;
    ProptestConfig { cases, ..default }
}
