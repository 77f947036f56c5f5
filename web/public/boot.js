// Runs before the first paint so that neither theme nor language flashes. Holds no state but those two words.
(function () {
  var root = document.documentElement;
  var theme = null;
  var language = null;
  try {
    theme = localStorage.getItem("gh.theme");
    language = localStorage.getItem("gh.language");
  } catch {
    /* storage may be switched off: the defaults stand */
  }
  var dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.className = dark ? "dark" : "light";
  var zh = language ? language === "zh-CN" : /^zh\b/i.test(navigator.language || "");
  root.lang = zh ? "zh-CN" : "en";
})();
