// Sets the colour scheme before anything is painted: the person's choice if there is one, else the system's.
(() => {
  const KEY = "imageyard-theme";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage is switched off: the system decides
    }
  };
  const apply = () => {
    root.dataset.bsTheme = chosen() || (system.matches ? "dark" : "light");
  };
  const choose = (theme) => {
    try {
      // The system's own scheme is not a choice: the page follows the system again.
      if (theme === (system.matches ? "dark" : "light")) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // Nothing to keep it in; it holds for this page.
    }
    root.dataset.bsTheme = theme;
  };
  apply();
  system.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.hidden = false;
      button.addEventListener("click", () => choose(root.dataset.bsTheme === "dark" ? "light" : "dark"));
    }
  });
})();
