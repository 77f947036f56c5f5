// The four looks that every page is seen in, the three widths, and what a picture of one is called.
export const looks = ["en-light", "zh-dark", "zh-light", "en-dark"];
export const sizes = [[1440, 900], [1024, 768], [390, 844]];
export const languageOf = (look) => look.split("-")[0];
export const themeOf = (look) => look.split("-")[1];
