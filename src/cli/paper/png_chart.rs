//! The equity curve as a picture: drawn three times as large as it is kept, so that lines come out smooth.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use super::font;
use super::scale::Scale;
use super::table::usd;
use crate::sim::PaperPoint;

type Colour = [u8; 3];

const WIDTH: i32 = 900;
const HEIGHT: i32 = 360;
/// Dots of the drawing in one of the picture, each way.
const FINE: i32 = 3;

const TOP: i32 = 56;
const BOTTOM: i32 = 46;
const EDGE: i32 = 20;
/// Picture dots in one dot of a letter.
const SMALL: i32 = 2;
const LARGE: i32 = 3;
/// Half the width of the line, in dots of the drawing.
const BRUSH: i32 = 3;

const PAPER: Colour = [255, 255, 255];
const INK: Colour = [31, 41, 55];
const FAINT: Colour = [107, 114, 128];
const GRID: Colour = [213, 219, 230];
const AXIS: Colour = [156, 163, 175];
const LINE: Colour = [29, 78, 216];
const BELOW: Colour = [224, 233, 253];

/// Writes the picture; a file of that name is replaced.
pub(super) fn write(file: &Path, curve: &[PaperPoint]) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| {
        let shown = file.display();
        format!(
            "cannot write the picture {shown}: {error}; name a file in a folder that is there and writable"
        )
    };
    let scale = Scale::new(curve, 5).ok_or("there is nothing to draw: the account has no equity curve")?;
    let last = curve.last().map(|point| usd(point.usd)).unwrap_or_default();
    let out = BufWriter::new(File::create(file).map_err(|error| said(&error))?);
    let mut encoder = png::Encoder::new(out, WIDTH.cast_unsigned(), HEIGHT.cast_unsigned());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| said(&error))?;
    let pixels = draw(&scale, &last).reduced();
    writer.write_image_data(&pixels).map_err(|error| said(&error))?;
    writer.finish().map_err(|error| said(&error))
}

/// Where the curve is, in picture dots.
struct Field {
    left: i32,
    width: i32,
    height: i32,
}

fn draw(scale: &Scale, last: &str) -> Canvas {
    let mut canvas = Canvas::new();
    canvas.text(EDGE, 16, "paper equity", LARGE, INK);
    let value = format!("{last} USD");
    canvas.text(WIDTH - EDGE - font::width(&value) * SMALL, 20, &value, SMALL, INK);
    let widest = scale.marks().iter().map(|(_, text)| font::width(text)).max();
    let left = EDGE + widest.unwrap_or(0) * SMALL + 10;
    let field = Field {
        left,
        width: WIDTH - EDGE - left,
        height: HEIGHT - TOP - BOTTOM,
    };
    curve(&mut canvas, scale, &field);
    values(&mut canvas, scale, &field);
    dates(&mut canvas, scale, &field);
    canvas
}

/// The curve, and a tint between it and the axis.
fn curve(canvas: &mut Canvas, scale: &Scale, field: &Field) {
    let (columns, rows) = (field.width * FINE, field.height * FINE);
    let heights = scale.rows(columns.into(), rows.into());
    let heights: Vec<i32> = heights
        .into_iter()
        .filter_map(|row| row.try_into().ok())
        .collect();
    let (left, top) = (field.left * FINE, TOP * FINE);
    for (x, y) in (left..).zip(&heights) {
        canvas.fine(x, top + y, 1, rows - y, BELOW);
    }
    marks_of(scale, rows).for_each(|y| canvas.fine(left, top + y - 1, columns, FINE, GRID));
    for (x, pair) in (left..).zip(heights.windows(2)) {
        if let [one, next] = pair {
            for y in *one.min(next)..=*one.max(next) {
                canvas.dab(x, top + y, LINE);
            }
        }
    }
}

fn marks_of(scale: &Scale, rows: i32) -> impl Iterator<Item = i32> {
    let marks = scale.marks().into_iter();
    marks.filter_map(move |(value, _)| scale.row(value, rows.into()).try_into().ok())
}

fn values(canvas: &mut Canvas, scale: &Scale, field: &Field) {
    for ((_, text), y) in scale.marks().iter().zip(marks_of(scale, field.height)) {
        let x = field.left - 8 - font::width(text) * SMALL;
        canvas.text(x, TOP + y - 7, text, SMALL, FAINT);
    }
    canvas.rect(field.left - 1, TOP, 1, field.height, AXIS);
}

/// As many dates as fit, the first and the last of them flush with the field, and which time they are in.
fn dates(canvas: &mut Canvas, scale: &Scale, field: &Field) {
    let columns = i128::from(field.width);
    let width = font::width(&scale.date(0, columns)) * SMALL;
    let count = (field.width / (width + 28)).clamp(2, 5);
    let line = TOP + field.height;
    canvas.rect(field.left - 1, line, field.width + 1, 1, AXIS);
    for at in 0..count {
        let x = (field.width - 1) * at / (count - 1);
        canvas.rect(field.left + x, line, 1, 5, AXIS);
        let most = WIDTH - EDGE - width;
        let text = (field.left + x - width / 2).clamp(field.left.min(most), most);
        canvas.text(text, line + 14, &scale.date(x.into(), columns), SMALL, FAINT);
    }
    canvas.text(EDGE, line + 14, "UTC", SMALL, AXIS);
}

/// The drawing, three times as large as the picture.
struct Canvas(Vec<Colour>);

impl Canvas {
    fn new() -> Self {
        let dots = WIDTH * FINE * HEIGHT * FINE;
        Self(vec![PAPER; usize::try_from(dots).unwrap_or_default()])
    }

    fn index(x: i32, y: i32) -> Option<usize> {
        let inside = (0..WIDTH * FINE).contains(&x) && (0..HEIGHT * FINE).contains(&y);
        inside.then(|| usize::try_from(y * WIDTH * FINE + x).ok())?
    }

    /// A rectangle in dots of the drawing.
    fn fine(&mut self, x: i32, y: i32, width: i32, height: i32, colour: Colour) {
        for y in y..y + height {
            for x in x..x + width {
                if let Some(dot) = Self::index(x, y).and_then(|at| self.0.get_mut(at)) {
                    *dot = colour;
                }
            }
        }
    }

    /// A rectangle in dots of the picture.
    fn rect(&mut self, x: i32, y: i32, width: i32, height: i32, colour: Colour) {
        self.fine(x * FINE, y * FINE, width * FINE, height * FINE, colour);
    }

    /// A round dab of the line.
    fn dab(&mut self, x: i32, y: i32, colour: Colour) {
        for down in -BRUSH..=BRUSH {
            for right in -BRUSH..=BRUSH {
                if down * down + right * right <= BRUSH * BRUSH {
                    self.fine(x + right, y + down, 1, 1, colour);
                }
            }
        }
    }

    fn text(&mut self, x: i32, y: i32, text: &str, size: i32, colour: Colour) {
        for (at, letter) in (0..).zip(text.chars()) {
            for (right, down) in font::dots(letter) {
                let left = x + (at * font::ADVANCE + right) * size;
                self.rect(left, y + down * size, size, size, colour);
            }
        }
    }

    /// The picture: each of its dots is the mean of nine.
    fn reduced(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() / 3);
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                bytes.extend(self.mean(x, y));
            }
        }
        bytes
    }

    fn mean(&self, x: i32, y: i32) -> Colour {
        let mut sum = [0_u16; 3];
        let dots = (0..FINE * FINE).map(|at| (x * FINE + at % FINE, y * FINE + at / FINE));
        for dot in dots.filter_map(|(x, y)| self.0.get(Self::index(x, y)?)) {
            for (sum, part) in sum.iter_mut().zip(dot) {
                *sum += u16::from(*part);
            }
        }
        sum.map(|sum| u8::try_from(sum / 9).unwrap_or(u8::MAX))
    }
}
