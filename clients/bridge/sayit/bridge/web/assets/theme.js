// Runs before the first paint, so that a chosen theme does not flash the other one first.
(() => {
  try {
    const theme = localStorage.getItem("sayit.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // A browser that keeps nothing follows the system's theme.
  }
})();
