// The short names that operations talk uses. An unknown one stays as it was typed.

import { h } from "./dom.js";
import { glyph } from "./glyphs.js";

const NAMES = {
  alarm_clock: "⏰", arrow_right: "➡️", arrow_up: "⬆️", arrow_down: "⬇️", bar_chart: "📊", bell: "🔔",
  no_bell: "🔕", black_circle: "⚫", boom: "💥", broom: "🧹", bulb: "💡", calendar: "📅",
  chart_with_upwards_trend: "📈", clipboard: "📋", clock1: "🕐", construction: "🚧", eyes: "👀",
  fire: "🔥", gear: "⚙️", hammer_and_wrench: "🛠️", heavy_check_mark: "✔️", hourglass: "⌛",
  hourglass_flowing_sand: "⏳", information_source: "ℹ️", large_blue_circle: "🔵", link: "🔗",
  large_green_circle: "🟢", large_orange_circle: "🟠", large_yellow_circle: "🟡", lock: "🔒",
  mag: "🔍", memo: "📝", mute: "🔇", no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑",
  ok_hand: "👌", package: "📦", pencil2: "✏️", question: "❓", raised_hand: "✋", recycle: "♻️",
  red_circle: "🔴", repeat: "🔁", robot_face: "🤖", rotating_light: "🚨", satellite: "📡",
  shield: "🛡️", snowflake: "❄️", sos: "🆘", speech_balloon: "💬", stopwatch: "⏱️", tada: "🎉",
  thinking_face: "🤔", thread: "🧵", "+1": "👍", "-1": "👎", thumbsup: "👍", thumbsdown: "👎",
  unlock: "🔓", warning: "⚠️", wave: "👋", white_check_mark: "✅", white_circle: "⚪",
  wrench: "🔧", x: "❌", zap: "⚡", zzz: "💤", ballot_box_with_check: "☑️", ear: "👂",
  leftwards_arrow_with_hook: "↩️", rewind: "⏪", fast_forward: "⏩", double_vertical_bar: "⏸️",
  arrows_counterclockwise: "🔄", passport_control: "🛂", blue_book: "📘", scroll: "📜",
  large_red_square: "🟥", large_green_square: "🟩", large_orange_square: "🟧",
  heavy_minus_sign: "➖",
};

const SIGNS = new Map(Object.entries(NAMES).map(([name, sign]) => [sign.replace("\ufe0f", ""), name]));
const SIGN = new RegExp(`(${[...SIGNS.keys()].join("|")})\ufe0f?`, "u");

// What stands for a name, or null.
export function emoji(name) {
  if (!Object.hasOwn(NAMES, name)) return null;
  return glyph(name, name.replaceAll("_", " ")) ?? h("span", { class: "emoji", title: `:${name}:` }, NAMES[name]);
}

// Text in which emoji characters are shown like their names.
export function signs(text) {
  if (!SIGN.test(text)) return [text];
  const parts = text.split(SIGN);
  return parts.map((part, index) => (index % 2 ? emoji(SIGNS.get(part)) : part)).filter((part) => part !== "");
}
