//! Which names stand for the same object, so that changing it through one of them is seen through all.

/// The names of one scope.
#[derive(Debug, Default)]
pub(super) struct AliasSet {
    /// Each group of names stands for one object.
    groups: Vec<Vec<String>>,
    /// Parameters, which stand for objects that have other names elsewhere.
    parameters: Vec<String>,
}

impl AliasSet {
    /// `name = other`
    pub(super) fn join(&mut self, name: &str, other: &str) {
        self.leave(name);
        match self.groups.iter_mut().find(|group| group.iter().any(|known| known == other)) {
            Some(group) => group.push(name.to_owned()),
            None => self.groups.push(vec![other.to_owned(), name.to_owned()]),
        }
    }

    /// The name stands for an object of its own from here on.
    pub(super) fn leave(&mut self, name: &str) {
        self.groups.iter_mut().for_each(|group| group.retain(|known| known != name));
        self.groups.retain(|group| group.len() > 1);
        self.parameters.retain(|known| known != name);
    }

    /// All names of the object that a name stands for.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        let group = self.groups.iter().find(|group| group.iter().any(|known| known == name));
        group.cloned().unwrap_or_else(|| vec![name.to_owned()])
    }

    /// The name is a parameter.
    pub(super) fn mark_parameter(&mut self, name: &str) {
        self.leave(name);
        self.parameters.push(name.to_owned());
    }

    pub(super) fn is_parameter(&self, name: &str) -> bool {
        self.parameters.iter().any(|known| known == name)
    }
}
