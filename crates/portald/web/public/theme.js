// Applied before the first paint, so that a chosen theme does not flash. A file of its own because
// the content security policy forbids inline scripts.
try {
  var theme = localStorage.getItem("berth-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (_) {
  // Storage is switched off: the system's theme is used.
}
