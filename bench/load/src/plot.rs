//! Plots, as SVG: the ratios as bars, and how latencies are distributed.

use crate::load::Tally;
use crate::measure::Measured;
use plotters::prelude::*;
use std::path::Path;

const OURS: RGBColor = RGBColor(70, 110, 170);
const SHOWN: [f64; 14] =
    [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999];

/// One bar for each path: 1 is the limit.
pub(crate) fn ratios(file: &Path, all: &[Measured]) {
    let rows = u32::try_from(all.len()).unwrap();
    let root = SVGBackend::new(file, (800, 60 + 24 * rows)).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(190)
        .caption("Limit over cost: 1 cannot be passed", ("sans-serif", 16))
        .build_cartesian_2d(0.0..1.1_f64, (0..all.len()).into_segmented())
        .unwrap();
    let name = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(at) => all.get(*at).map(Measured::name).unwrap_or_default(),
        _ => String::new(),
    };
    chart.configure_mesh().disable_y_mesh().y_labels(all.len()).y_label_formatter(&name).draw().unwrap();
    let bars = all.iter().enumerate().map(|(at, one)| {
        let corners = [(0.0, SegmentValue::Exact(at)), (one.ratio(), SegmentValue::Exact(at + 1))];
        let mut bar = Rectangle::new(corners, OURS.filled());
        bar.set_margin(3, 3, 0, 0);
        bar
    });
    chart.draw_series(bars).unwrap();
    root.present().unwrap();
}

/// Latencies at half load, by how many requests were faster.
pub(crate) fn latencies(file: &Path, all: &[Measured]) {
    let root = SVGBackend::new(file, (900, 600)).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let nines = |quantile: f64| -(1.0 - quantile).log10();
    let slowest = all.iter().map(|one| one.open.quantile(1.0)).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .caption("Latency at half load, in ms, from when a request was due", ("sans-serif", 16))
        .build_cartesian_2d(0.0..4.0_f64, (0.05..slowest * 1.2).log_scale())
        .unwrap();
    let share = |nines: &f64| format!("{:.2} %", 100.0 - 100.0 * 10_f64.powf(-nines));
    chart.configure_mesh().x_labels(5).x_label_formatter(&share).draw().unwrap();
    for (at, one) in all.iter().enumerate() {
        let color = Palette99::pick(at).mix(0.9);
        let points =
            |tally: &Tally| SHOWN.map(|quantile| (nines(quantile), tally.quantile(quantile).max(0.05)));
        let line = LineSeries::new(points(&one.open), color.stroke_width(2));
        chart
            .draw_series(line)
            .unwrap()
            .label(one.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .label_font(("sans-serif", 10))
        .draw()
        .unwrap();
    root.present().unwrap();
}
