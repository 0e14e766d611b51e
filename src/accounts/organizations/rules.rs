//! Who may do what for an organization.

/// What a person is to an organization, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees what there is.
    Viewer,
    /// Makes and takes back what programs call with.
    Developer,
    /// Sees to the members, and reads what they did.
    Admin,
    /// May do everything; there is always one, once there was.
    Owner,
}

/// Something that is done for an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// See its name, plan, members, clients and credentials, limits and usage.
    See,
    /// Make, rotate and revoke its API keys.
    ManageCredentials,
    /// Register, change and disable its clients.
    ManageClients,
    /// Read its events and requests.
    ReadAudit,
    /// Give it another name.
    Rename,
    /// Add, change and remove members, but for owners.
    ManageMembers,
    /// Make somebody an owner, or an owner something else.
    ManageOwners,
}

impl Role {
    /// Every role, from the least to the most.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Developer, Self::Admin, Self::Owner];

    /// Its name, in tables, commands and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Developer => "developer",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether who has this role may do that.
    pub fn may(self, action: Action) -> bool {
        self >= action.least()
    }
}

impl Action {
    /// Everything that is done for an organization.
    pub const ALL: [Self; 7] = [
        Self::See,
        Self::ManageCredentials,
        Self::ManageClients,
        Self::ReadAudit,
        Self::Rename,
        Self::ManageMembers,
        Self::ManageOwners,
    ];

    /// The least role that may do it. Plans are no action: whoever pays does not choose what it costs, an
    /// administrator of the server does.
    fn least(self) -> Role {
        match self {
            Self::See => Role::Viewer,
            Self::ManageCredentials | Self::ManageClients => Role::Developer,
            Self::ReadAudit | Self::Rename | Self::ManageMembers => Role::Admin,
            Self::ManageOwners => Role::Owner,
        }
    }
}

/// What it takes to make somebody who is `before` to an organization `after` to it; `None` is no member.
pub fn appointing(before: Option<Role>, after: Option<Role>) -> Action {
    if [before, after].contains(&Some(Role::Owner)) { Action::ManageOwners } else { Action::ManageMembers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_read_back_and_are_in_order() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert!(Role::ALL.is_sorted());
        for other in ["", "Owner", "root", "owner "] {
            assert_eq!(Role::parse(other), None, "{other}");
        }
    }

    #[test]
    fn who_may_do_what() {
        // Of viewer, developer, admin, owner.
        let table = [
            (Action::See, [true, true, true, true]),
            (Action::ManageCredentials, [false, true, true, true]),
            (Action::ManageClients, [false, true, true, true]),
            (Action::ReadAudit, [false, false, true, true]),
            (Action::Rename, [false, false, true, true]),
            (Action::ManageMembers, [false, false, true, true]),
            (Action::ManageOwners, [false, false, false, true]),
        ];
        assert_eq!(table.map(|(action, _)| action), Action::ALL);
        for (action, may) in table {
            assert_eq!(Role::ALL.map(|role| role.may(action)), may, "{action:?}");
        }
    }

    #[test]
    fn whoever_makes_or_unmakes_an_owner_is_one() {
        let (owner, admin) = (Some(Role::Owner), Some(Role::Admin));
        for (before, after) in [(None, owner), (owner, None), (admin, owner), (owner, admin), (owner, owner)]
        {
            assert_eq!(appointing(before, after), Action::ManageOwners, "{before:?} {after:?}");
        }
        for (before, after) in [(None, admin), (admin, None), (admin, Some(Role::Viewer))] {
            assert_eq!(appointing(before, after), Action::ManageMembers, "{before:?} {after:?}");
        }
    }
}
