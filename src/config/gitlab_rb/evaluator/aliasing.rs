//! Tracks variables that refer to the same object: a change through one name is visible through all.

/// Variables of a scope that refer to one object.
#[derive(Debug, Default)]
pub(super) struct AliasSet {
    /// Each group of names refers to one object.
    groups: Vec<Vec<String>>,
    /// Names of parameters; their objects may have other names in the calling code.
    parameters: Vec<String>,
}

impl AliasSet {
    /// Records the assignment `name = other`.
    pub(super) fn join(&mut self, name: &str, other: &str) {
        self.leave(name);
        match self.groups.iter_mut().find(|group| group.iter().any(|known| known == other)) {
            Some(group) => group.push(name.to_owned()),
            None => self.groups.push(vec![other.to_owned(), name.to_owned()]),
        }
    }

    /// Records that the name refers to a new object.
    pub(super) fn leave(&mut self, name: &str) {
        self.groups.iter_mut().for_each(|group| group.retain(|known| known != name));
        self.groups.retain(|group| group.len() > 1);
        self.parameters.retain(|known| known != name);
    }

    /// Returns all names of the object that a name refers to.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        let group = self.groups.iter().find(|group| group.iter().any(|known| known == name));
        group.cloned().unwrap_or_else(|| vec![name.to_owned()])
    }

    /// Records that the name is a parameter.
    pub(super) fn mark_parameter(&mut self, name: &str) {
        self.leave(name);
        self.parameters.push(name.to_owned());
    }

    pub(super) fn is_parameter(&self, name: &str) -> bool {
        self.parameters.iter().any(|known| known == name)
    }
}
