// The signs that operations talk lives on, drawn here: they must be told apart on every machine,
// also on one whose fonts have no emoji. Each is a list of [path, fill] on a 20 by 20 field.

const RED = "#dd3c3c";
const ORANGE = "#ee8b2b";
const AMBER = "#f2b632";
const GREEN = "#2fa85c";
const BLUE = "#3b86d8";
const TEAL = "#159488";
const GREY = "#7c8b93";
const DARK = "#2b3940";
const PALE = "#e6edef";

const CIRCLE = "M10 1.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 1 0 0-17z";
const SQUARE = "M4 2h12a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z";
const CHECK = "M4.8 10.4l1.5-1.4 2.4 2.5 5.2-6 1.6 1.3-6.7 8z";
const CROSS = "M4.2 2.6L10 8.4l5.8-5.8 1.6 1.6L11.6 10l5.8 5.8-1.6 1.6L10 11.6l-5.8 5.8-1.6-1.6L8.4 10 2.6 4.2z";
const BELL = "M10 2a5 5 0 0 0-5 5v5l-1.5 2.5h13L15 12V7a5 5 0 0 0-5-5zM8 15.5h4a2 2 0 0 1-4 0z";
const SLASH = "M3.2 1.8L18.2 16.8l-1.4 1.4L1.8 3.2z";
const HANDS = "M9.1 4.5h1.8v5l3.3 2-.9 1.5-4.2-2.5z";
const BUBBLE =
  "M3 3h14a1.5 1.5 0 0 1 1.5 1.5v8A1.5 1.5 0 0 1 17 14H9l-4.5 4v-4H3a1.5 1.5 0 0 1-1.5-1.5v-8A1.5 1.5 0 0 1 3 3z";
const THUMB =
  "M2 9h3.5v9H2zM6.5 9.5L9.5 2.5c1.8 0 2.5 1.5 2.1 3.5l-.5 2h5.4c1 0 1.7.9 1.5 1.9l-1.2 6c-.2.9-.8 1.6-1.6 1.6H6.5z";
const WRENCH =
  "M13.5 1.8a4.5 4.5 0 0 0-4.3 5.9L2.3 14.6l3.1 3.1 6.9-6.9A4.5 4.5 0 0 0 18 5l-2.7 2.7-2.5-.5-.5-2.5L15 2a4.5 4.5 0 0 0-1.5-.2z";
const TURN = "M10 3a7 7 0 0 1 5.7 2.9L17.5 4v6h-6l2.5-2.5A4.7 4.7 0 1 0 14.7 11.5h2.2A7 7 0 1 1 10 3z";
const EYE =
  "M10 4.5c4 0 7 2.8 8.5 5.5C17 12.7 14 15.5 10 15.5S3 12.7 1.5 10C3 7.3 6 4.5 10 4.5zm0 2a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zm0 2a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3z";

const disc = (fill) => [[CIRCLE, fill]];
const tile = (fill) => [[SQUARE, fill]];
const clock = [[CIRCLE, GREY], ["M10 3.2a6.8 6.8 0 1 0 0 13.6a6.8 6.8 0 1 0 0-13.6z", PALE], [HANDS, DARK]];
const hourglass = [
  ["M4 1.5h12v2.3H4zM4 16.2h12v2.3H4z", GREY],
  ["M5.5 4h9c0 3.2-3 4.3-3 6s3 2.8 3 6h-9c0-3.2 3-4.3 3-6s-3-2.8-3-6z", AMBER],
];
const turn = [[SQUARE, BLUE], ["M10 4.8a5.2 5.2 0 0 1 4 1.9l1.3-1.3v4.3H11l1.7-1.7A3.5 3.5 0 1 0 13.5 11h1.7A5.2 5.2 0 1 1 10 4.8z", "#fff"]];

const GLYPHS = {
  red_circle: disc(RED),
  large_orange_circle: disc(ORANGE),
  large_yellow_circle: disc(AMBER),
  large_green_circle: disc(GREEN),
  large_blue_circle: disc(BLUE),
  white_circle: [[CIRCLE, GREY], ["M10 3.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13z", PALE]],
  black_circle: disc(DARK),
  large_red_square: tile(RED),
  large_orange_square: tile(ORANGE),
  large_green_square: tile(GREEN),
  leftwards_arrow_with_hook: [["M7.5 3.5v3H12a5 5 0 0 1 0 10H6v-2.2h6a2.8 2.8 0 0 0 0-5.6H7.5v3L2 7.6z", TEAL]],
  heavy_minus_sign: [["M2.5 8.6h15v2.8h-15z", GREY]],
  white_check_mark: [[SQUARE, GREEN], [CHECK, "#fff"]],
  heavy_check_mark: [[CHECK, GREEN]],
  x: [[CROSS, RED]],
  warning: [["M10 1.5L19.3 18H.7z", AMBER], ["M9 7h2v5.8H9zM9 14h2v2.1H9z", DARK]],
  no_entry: [[CIRCLE, RED], ["M4.8 8.5h10.4v3H4.8z", "#fff"]],
  no_entry_sign: [[`${CIRCLE}M10 4.2a5.8 5.8 0 1 1 0 11.6a5.8 5.8 0 1 1 0-11.6z`, RED], [SLASH, RED]],
  octagonal_sign: [["M6.5 1.5h7l5 5v7l-5 5h-7l-5-5v-7z", RED], ["M6 9h8v2H6z", "#fff"]],
  rotating_light: [
    ["M5 13V9.5a5 5 0 0 1 10 0V13z", RED],
    ["M3.5 14h13v3.5h-13z", GREY],
    ["M9.2 0h1.6v2.5H9.2zM1.5 3.3l1.1-1.1 1.8 1.8-1.1 1.1zM17.4 2.2l1.1 1.1-1.8 1.8-1.1-1.1z", AMBER],
  ],
  hourglass, hourglass_flowing_sand: hourglass,
  stopwatch: clock, alarm_clock: clock, clock1: clock,
  lock: [["M5.8 9V6.2a4.2 4.2 0 0 1 8.4 0V9h-2V6.2a2.2 2.2 0 0 0-4.4 0V9z", GREY], ["M4 9h12v9H4z", AMBER]],
  unlock: [["M5.8 9V5.2a4.2 4.2 0 0 1 8.2-1.3l-1.9.6a2.2 2.2 0 0 0-4.3.7V9z", GREY], ["M4 9h12v9H4z", AMBER]],
  bell: [[BELL, AMBER]],
  no_bell: [[BELL, GREY], [SLASH, RED]],
  mute: [["M3 7h3l5-4v14l-5-4H3z", GREY], ["M13 7l1.2-1.2 5 5L18 12zM18 5.8L19.2 7l-5 5L13 10.8z", RED]],
  eyes: [
    ["M5.7 4a4 6 0 1 0 0 12a4 6 0 1 0 0-12zM14.3 4a4 6 0 1 0 0 12a4 6 0 1 0 0-12z", GREY],
    ["M5.7 5.2a3 4.8 0 1 0 0 9.6a3 4.8 0 1 0 0-9.6zM14.3 5.2a3 4.8 0 1 0 0 9.6a3 4.8 0 1 0 0-9.6z", "#fff"],
    ["M6.3 8a1.7 2.2 0 1 0 0 4.4a1.7 2.2 0 1 0 0-4.4zM14.9 8a1.7 2.2 0 1 0 0 4.4a1.7 2.2 0 1 0 0-4.4z", DARK],
  ],
  fire: [
    ["M10.5 1c.5 4 5 5.5 5 10.7A5.5 5.5 0 0 1 10 18.8a5.5 5.5 0 0 1-5.5-6.3c.3-2 1.5-3 2-4.5.8 1 1.2 1.7 1.4 2.7C9.7 8 9.6 4 10.5 1z", ORANGE],
    ["M10.2 9.5c.4 2 2.3 2.8 2.3 5.2A2.6 2.6 0 0 1 10 17.5a2.6 2.6 0 0 1-2.5-3c.4-1.6 2.2-2.5 2.7-5z", AMBER],
  ],
  boom: [["M10 .8l1.8 4.7L16 2.8l-1.3 4.7 4.8.3-4 2.8 3.2 3.7-5-.5.2 5-3.6-3.6-3 4-.6-5-4.9 1.2 2.7-4.2L.8 8.5l5-.9L4 3l4.4 2.3z", ORANGE]],
  mag: [["M8 1.5a6.5 6.5 0 1 0 3.8 11.8l4.9 4.9 1.7-1.7-4.9-4.9A6.5 6.5 0 0 0 8 1.5zm0 2.2a4.3 4.3 0 1 1 0 8.6 4.3 4.3 0 0 1 0-8.6z", BLUE]],
  memo: [["M3.5 1.5h10l3 3v14h-13z", GREY], ["M5 3h7.8L15 5.2V17H5z", "#fff"], ["M6.5 6.5h7v1.3h-7zM6.5 9.5h7v1.3h-7zM6.5 12.5h4.5v1.3H6.5z", BLUE]],
  clipboard: [["M3.5 3h13v15.5h-13z", "#a9713a"], ["M5 4.5h10V17H5z", "#fff"], ["M7 1.5h6v3.5H7z", GREY], ["M6.5 8h7v1.3h-7zM6.5 11h7v1.3h-7z", GREY]],
  wrench: [[WRENCH, GREY]], hammer_and_wrench: [[WRENCH, GREY]],
  bulb: [["M10 1.5a6 6 0 0 0-3.5 10.9L7 14.5h6l.5-2.1A6 6 0 0 0 10 1.5z", AMBER], ["M7.2 15.5h5.6V17H7.2zM8.2 17.5h3.6v1.3H8.2z", GREY]],
  shield: [["M10 1.3l7 2.5v5.7c0 4.5-3 7.5-7 9.2-4-1.7-7-4.7-7-9.2V3.8z", TEAL], [CHECK, "#fff"]],
  repeat: turn, arrows_counterclockwise: turn,
  recycle: [[TURN, GREEN]],
  double_vertical_bar: [[SQUARE, BLUE], ["M6 5.5h2.8v9H6zM11.2 5.5H14v9h-2.8z", "#fff"]],
  rewind: [[SQUARE, BLUE], ["M9.8 5.5v9L4.8 10zM15.2 5.5v9l-5-4.5z", "#fff"]],
  bar_chart: [["M2.5 10h4v8h-4z", GREEN], ["M8 3h4v15H8z", BLUE], ["M13.5 7h4v11h-4z", RED]],
  chart_with_upwards_trend: [[SQUARE, PALE], ["M4 14l4-4.5 3 2.5 4-6.5 1.5 1-5 8.2-3.2-2.6-3 3.4z", RED]],
  package: [["M2 6l8-4 8 4v9l-8 4-8-4z", "#c08a4a"], ["M2 6l8 4v9l-8-4z", "#a9713a"], ["M2 6l8-4 8 4-8 4z", "#d9a868"]],
  speech_balloon: [[BUBBLE, GREY]],
  eye: [[EYE, "currentColor"]],
  thumbsup: [[THUMB, AMBER]], "+1": [[THUMB, AMBER]],
  robot_face: [["M9.2 1h1.6v3.5H9.2z", GREY], ["M3 4.5h14v13H3z", GREY], ["M6 8h2.8v2.8H6zM11.2 8H14v2.8h-2.8z", "#fff"], ["M6 13h8v1.6H6z", DARK]],
  tada: [["M2 18.5L7 7l6 6z", AMBER], ["M11 2h2v3h-2zM15 7.5l3-1 .6 1.9-3 1zM13.5 5.5l3-3.3 1.5 1.3-3 3.3z", RED]],
};

const NS = "http://www.w3.org/2000/svg";

export function glyph(name, label) {
  if (!Object.hasOwn(GLYPHS, name)) return null;
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "glyph");
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  } else {
    svg.setAttribute("aria-hidden", "true");
  }
  for (const [d, fill] of GLYPHS[name]) {
    const path = document.createElementNS(NS, "path");
    path.setAttribute("d", d);
    path.setAttribute("fill", fill);
    path.setAttribute("fill-rule", "evenodd");
    svg.append(path);
  }
  return svg;
}
