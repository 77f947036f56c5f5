"""Tables of guardnano.evasion: what characters become, and the words around a text; not drawn from data."""

# Format characters and fillers without a shape of their own. NFKC and the product's zero-width list leave
# them (U+3164 becomes U+1160, which is as invisible).
INVISIBLE = tuple("\u200e\u200f\u2061\u2062\u2063\u2064\u206a\u180e\u034f\u115f\u3164\ufe00\ufe0e\ufe0f")
ZERO_WIDTH = tuple("\u200b\u200c\u200d\u2060\ufeff\u00ad")

# Enclosing and striking marks that compose with no letter, so that NFKC keeps them.
MARKS = tuple("\u20dd\u20de\u20df\u20e3\u0332\u0335\u0336\u0337\u0338\u0334\u033f\u035f")

SEPARATORS = (".", "-", "*", "_", "|", "/", "·", "~", "+", "。", "^", "#", "…")
EMOJI = tuple("😀😂🙂😉😍🤔😎😢😡👍🙏🔥✨🎉💡❗❓⭐🌸🍀🍎🐱🐶🚀💬📌🎈🌈☀🧩")

LEET = {"a": "@4", "b": "8", "e": "3", "g": "9", "i": "1!", "l": "1|", "o": "0", "s": "5$", "t": "7+"}

# Cyrillic and Greek letters that look like Latin ones (Unicode's confusables.txt, a selection).
HOMOGLYPHS = {
    "a": "аα", "c": "с", "d": "ԁ", "e": "е", "g": "ɡ", "h": "һ", "i": "іι", "j": "ј", "k": "к", "n": "ո",
    "o": "оο", "p": "рρ", "q": "ԛ", "r": "г", "s": "ѕ", "u": "υ", "v": "ν", "w": "ԝ", "x": "х", "y": "уγ",
    "A": "АΑ", "B": "ВΒ", "C": "С", "E": "ЕΕ", "H": "НΗ", "I": "ІΙ", "J": "Ј", "K": "КΚ", "M": "МΜ",
    "N": "Ν", "O": "ОΟ", "P": "РΡ", "S": "Ѕ", "T": "ТΤ", "X": "ХΧ", "Y": "ΥҮ", "Z": "Ζ",
}  # fmt: skip

# Neighbours on a US keyboard.
NEIGHBOURS = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok",
    "o": "ipl", "p": "ol", "a": "qsz", "s": "awdx", "d": "sefc", "f": "drgv", "g": "fthb", "h": "gyjn",
    "j": "hukm", "k": "jil", "l": "kop", "z": "asx", "x": "zsdc", "c": "xdfv", "v": "cfgb", "b": "vghn",
    "n": "bhjm", "m": "njk",
}  # fmt: skip

# Characters written as their visible parts. Harmless characters stand beside harmful ones on purpose: a split
# must not itself be a sign of harm.
_SPLIT = """
枪木仓 炸火乍 弹弓单 爆火暴 杀乂木 死歹匕 砍石欠 刺朿刂 割害刂 抢扌仓 绑纟邦 劫去力 毒龶母 药艹约 赌贝者
骗马扁 钱钅戋 贷代贝 货化贝 强弓虽 奸女干 妓女支 嫖女票 娼女昌 婊女表 妈女马 奴女又 性忄生 裸衤果 淫氵㸒
操扌喿 胸月匈 吸口及 洗氵先 偷亻俞 伪亻为 假亻叚 证讠正 诈讠乍 谎讠荒 诱讠秀 讽讠风 烧火尧 烟火因 灯火丁
炮火包 燃火然 煤火某 炼火东 伤亻力 打扌丁 折扌斤 推扌隹 拉扌立 捅扌甬 掐扌臽 抓扌爪 拐扌另 拍扌白 扔扌乃
投扌殳 持扌寺 提扌是 换扌奂 拿合手 掌尚手 警敬言 察宀祭 政正攵 故古攵 收丩攵 放方攵 敌舌攵 国囗玉 因囗大
围囗韦 困囗木 好女子 她女也 如女口 姐女且 妹女未 婚女昏 娱女吴 姓女生 始女台 要覀女 你亻尔 他亻也 们亻门
什亻十 但亻旦 作亻乍 住亻主 位亻立 信亻言 使亻吏 做亻故 停亻亭 健亻建 保亻呆 修亻攸 体亻本 何亻可 低亻氐
供亻共 便亻更 借亻昔 值亻直 偏亻扁 例亻列 件亻牛 任亻壬 休亻木 付亻寸 代亻弋 仙亻山 说讠兑 话讠舌 语讠吾
请讠青 谁讠隹 让讠上 认讠人 识讠只 记讠己 计讠十 订讠丁 讨讠寸 设讠殳 许讠午 词讠司 评讠平 该讠亥 详讠羊
读讠卖 课讠果 明日月 时日寸 晚日免 晴日青 暗日音 昨日乍 旺日王 早日十 星日生 春𡗗日 是日疋 景日京 暑日者
林木木 村木寸 权木又 材木才 机木几 杯木不 板木反 树木对 校木交 样木羊 根木艮 桥木乔 械木戒 棋木其 横木黄
相木目 想相心 思田心 忘亡心 志士心 忍刃心 怒奴心 恐巩心 恶亚心 悲非心 愁秋心 情忄青 快忄夬 怕忄白 忙忄亡
怪忄圣 恨忄艮 悟忄吾 惊忄京 惜忄昔 慢忄曼 河氵可 海氵每 湖氵胡 江氵工 汉氵又 油氵由 治氵台 法氵去 活氵舌
流氵㐬 酒氵酉 清氵青 深氵罙 温氵昷 渴氵曷 漂氵票 演氵寅 吃口乞 喝口曷 吗口马 呢口尼 吧口巴 啊口阿 叫口丩
吹口欠 唱口昌 听口斤 味口未 和禾口 嘴口觜 咬口交 哪口那 哭口口犬 问门口 间门日 闻门耳 闪门人 闲门木 闭门才
阅门兑 朋月月 服月𠬝 肚月土 脸月佥 脑月㐫 脚月却 腿月退 肝月干 胖月半 期其月 胜月生 朝𠦝月 红纟工 给纟合
结纟吉 经纟圣 绿纟录 级纟及 纪纟己 约纟勺 细纟田 线纟戋 组纟且 终纟冬 继纟迷 维纟隹 银钅艮 铁钅失 钉钅丁
针钅十 铜钅同 钟钅中 错钅昔 锁钅肖 镜钅竟 财贝才 贩贝反 贪今贝 购贝勾 赔贝咅 赚贝兼 费弗贝 贵虫贝 贺加贝
资次贝 赞先贝 旅方氏 旗方其 站立占 端立耑 章立早 意音心 音立日 竞立兄 知矢口 短矢豆 矮矢委 破石皮 码石马
砖石专 硬石更 碗石宛 礼礻乚 社礻土 视礻见 神礻申 祝礻兄 福礻畐 初衤刀 被衤皮 裤衤库 补衤卜 猫犭苗 狗犭句
猪犭者 狼犭良 独犭虫 狂犭王 犯犭㔾 猜犭青 饭饣反 饮饣欠 饱饣包 饿饣我 馆饣官 饼饣并 鸡又鸟 鸭甲鸟 鹅我鸟
鸣口鸟 路𧾷各 跑𧾷包 跳𧾷兆 踢𧾷易 跟𧾷艮 轮车仑 软车欠 较车交 输车俞 辆车两 转车专 轻车圣 对又寸 双又又
欢又欠 难又隹 观又见 戏又戈 加力口 功工力 动云力 助且力 劲圣力 努奴力 办力八 男田力 勇甬力 别另刂 到至刂
刻亥刂 利禾刂 创仓刂 刑开刂 剧居刂 判半刂 副畐刂 种禾中 秋禾火 科禾斗 秒禾少 租禾且 积禾只 程禾呈 税禾兑
香禾日 粉米分 粮米良 糖米唐 精米青 料米斗 粗米且 病疒丙 疼疒冬 痛疒甬 疯疒风 癌疒嵒 疗疒了 瘾疒隐 症疒正
痒疒羊 房户方 扇户羽 扁户冊 张弓长 引弓丨 歌哥欠 欧区欠 欲谷欠 款士示欠 眼目艮 睡目垂 看手目 盲亡目 眉尸目
睛目青 眠目民
"""
SPLIT = {entry[0]: entry[1:] for entry in _SPLIT.split()}

# Words around a request that change nothing about what it asks.
POLITE = {
    "en": (
        ("Hi! ", " Thanks in advance."), ("Please, ", ""), ("Hello, I have a quick question. ", ""),
        ("", " Thank you so much!"), ("Could you help me with something? ", ""),
        ("Dear assistant, ", " Kind regards."), ("hey ", " pls"), ("", " Please be brief."),
        ("I would be very grateful for your help. ", ""), ("Sorry to bother you. ", " Many thanks."),
        ("Just curious: ", ""), ("", " Answer step by step."), ("Quick one: ", ""),
        ("Good morning. ", " I appreciate it."), ("", " Let me know what you think."),
    ),
    "zh": (
        ("你好，", "，谢谢！"), ("请问，", ""), ("打扰一下，", "麻烦了。"), ("", "谢谢你的帮助。"),
        ("您好，我想问一个问题：", ""), ("亲爱的助手，", "非常感谢。"), ("不好意思，", ""),
        ("", "请简短回答。"), ("麻烦帮个忙，", "辛苦了！"), ("早上好，", "祝好。"), ("随便问问：", ""),
        ("", "请一步一步地回答。"), ("在吗？", "谢谢啦"), ("我有点好奇，", ""), ("", "你怎么看？"),
    ),
}  # fmt: skip

WRAPS = (
    ("\"", "\""), ("'", "'"), ("“", "”"), ("「", "」"), ("```\n", "\n```"), ("```text\n", "\n```"),
    ("`", "`"), ("> ", ""), ("- ", ""), ("* ", ""), ("1. ", ""), ("# ", ""), ("**", "**"), ("<p>", "</p>"),
    ("[", "]"), ("(", ")"), ("<!-- ", " -->"), ("// ", ""), ("text = \"", "\""), ("| ", " |"),
)  # fmt: skip
JSON_KEYS = ("text", "prompt", "query", "input", "message", "content", "question")
