//! Users and groups, each by name or number.

use nix::unistd::{Gid, Group, Uid, User};

/// An account by name or number; it must exist.
pub(crate) fn account(text: &str) -> Result<User, String> {
    let found = match super::integer(text) {
        Ok(number) => match u32::try_from(number) {
            Ok(uid) => User::from_uid(Uid::from_raw(uid)),
            Err(_) => Ok(None),
        },
        Err(_) => User::from_name(text),
    };
    found
        .ok()
        .flatten()
        .ok_or_else(|| match super::integer(text) {
            Ok(_) => format!("Invalid user id {text}: no account has it"),
            Err(_) => format!("Invalid user name {text}: no such account"),
        })
}

/// `user` or `user:group`, each a name or a number.
pub(crate) fn owner(text: &str) -> Result<(Uid, Option<Gid>), String> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let uid = account(user)?.uid;
    let Some(group) = group else {
        return Ok((uid, None));
    };
    let found = match super::integer(group) {
        Ok(number) => match u32::try_from(number) {
            Ok(gid) => Group::from_gid(Gid::from_raw(gid)),
            Err(_) => Ok(None),
        },
        Err(_) => Group::from_name(group),
    };
    let gid = found.ok().flatten().map(|group| group.gid);
    gid.map(|gid| (uid, Some(gid)))
        .ok_or_else(|| format!("Invalid group {group}: no such group"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_must_exist() {
        assert_eq!(account("0").unwrap().name, "root");
        assert_eq!(account("root").unwrap().uid, Uid::from_raw(0));
        for bad in ["nosuchuser", "4242424", "-1", ""] {
            assert!(account(bad).is_err(), "{bad}");
        }
        let (uid, gid) = owner("root:0").unwrap();
        assert_eq!((uid.as_raw(), gid.map(Gid::as_raw)), (0, Some(0)));
        assert_eq!(owner("0").unwrap().1, None);
        assert!(owner("root:nosuchgroup").is_err());
    }
}
