"""What every package uses: errors, paths, files, command lines, processes, progress, pictures."""
