// Runs before the first paint, so that who chose a theme never sees the other one flash by.
{
  const chosen = localStorage.getItem("aoai-ledger.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
