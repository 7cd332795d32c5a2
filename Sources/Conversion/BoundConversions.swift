import PipelineCore

/// Makes the cells of some columns fit their types: `cast` in its bound form, and the typing of what was read.
struct BoundConversions: TracedStage {
    let output: Schema
    private let stage: String
    private let conversions: [CellConversion]
    private let fits: [CellFit]

    /// The conversions that lead to the columns of `output`, at most one per column, as part of `stage`.
    init(output: Schema, conversions: [CellConversion], stage: String) {
        self.output = output
        self.stage = stage
        self.conversions = conversions
        fits = conversions.map(\.fit)
    }

    /// Typing: makes the cells of all columns but those at the places `cast` fit the types that `schema` gives them.
    ///
    /// A text column takes every cell as it was read, so that it costs nothing.
    init(typing schema: Schema, except cast: Set<Int>) {
        let conversions = schema.columns.enumerated().compactMap { index, column in
            column.type == .text || cast.contains(index) ? nil : CellConversion(index, column.name, to: column.type)
        }
        self.init(output: schema, conversions: conversions, stage: Self.typing)
    }

    /// What the typing of what was read is called where stages are named.
    private static let typing = "typing"

    /// The places of the columns that are converted.
    var readColumns: [Int] { conversions.map(\.column) }

    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) {
        batch.schema = output
        var gone: [Int] = []
        var place = Place(row: 0, conversion: 0)
        while nextMisfit(in: batch, from: &place) {
            let conversion = conversions[place.conversion]
            let index = place.row * batch.columnCount + conversion.column
            do throws(Misfit) {
                batch.cells[index] = try conversion.convert(batch.cells[index], in: &batch.bytes)
                place.conversion += 1
            } catch {
                rejects.append(
                    Reject(
                        row: batch.rowNumber(at: place.row),
                        column: conversion.name,
                        stage: stage,
                        rule: error.rule
                    )
                )
                gone.append(place.row)
                place = Place(row: place.row + 1, conversion: 0)
            }
        }
        batch.removeRows(at: gone)
    }

    /// A cell on the way through a batch.
    private struct Place {
        var row: Int
        var conversion: Int
    }

    /// Moves `place` on to a cell that does not fit as it is; false where there is none.
    ///
    /// Most cells fit, so this is the loop that counts: it reads nothing but cells, and the bytes of dates.
    private func nextMisfit(in batch: borrowing Batch, from place: inout Place) -> Bool {
        let (cells, bytes, fits) = (batch.cells.span, batch.bytes.span, fits.span)
        let (width, rowCount) = (batch.columnCount, batch.rowCount)
        var (row, conversion) = (place.row, place.conversion)
        while row < rowCount {
            let base = row * width
            while conversion < fits.count {
                let fit = fits[conversion]
                guard fit.covers(cells[base + fit.column], in: bytes) else {
                    place = Place(row: row, conversion: conversion)
                    return true
                }
                conversion += 1
            }
            row += 1
            conversion = 0
        }
        return false
    }
}
