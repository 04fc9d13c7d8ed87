// Before the first paint: the chosen theme, and the mark that scripts run. Without a choice the system decides.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // No storage in this browser: the system decides.
  }
})();
