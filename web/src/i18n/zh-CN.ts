import { merge, type Texts } from "./merge";

export default merge(import.meta.glob<Texts>("./zh-CN/*.json", { eager: true, import: "default" }));
