// Set the chosen theme, and mark that scripts run, before the first paint. Without a choice the system decides.
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
