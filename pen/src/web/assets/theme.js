// Runs before the page is drawn, so that a remembered choice of colours does not flash.
"use strict";
try {
  const theme = localStorage.getItem("pen-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; then nothing is remembered.
}
