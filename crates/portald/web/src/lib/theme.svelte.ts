// System, light or dark. public/theme.js applies a kept choice before the first paint.

export type Choice = "system" | "light" | "dark";

class Theme {
  choice = $state<Choice>(kept());

  set(choice: Choice) {
    this.choice = choice;
    const root = document.documentElement;
    if (choice === "system") delete root.dataset.theme;
    else root.dataset.theme = choice;
    try {
      if (choice === "system") localStorage.removeItem("berth-theme");
      else localStorage.setItem("berth-theme", choice);
    } catch {
      // Not kept for the next visit, which is all that is lost.
    }
  }
}

function kept(): Choice {
  const theme = document.documentElement.dataset.theme;
  return theme === "light" || theme === "dark" ? theme : "system";
}

export const theme = new Theme();
