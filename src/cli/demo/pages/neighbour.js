// Links each demo application to the other one: the same address with the other host name.

const names = { gitlab: "mattermost", mattermost: "gitlab" };
const [first, ...rest] = location.host.split(".");

if (names[first]) {
  for (const link of document.querySelectorAll("a[data-neighbour]")) {
    link.href = `${location.protocol}//${[names[first], ...rest].join(".")}/`;
    link.hidden = false;
  }
}
