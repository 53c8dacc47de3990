import { decide, type EventStore, projectionsOf } from 'sluice/events'
import { outcomeOf, tell } from './story.js'

/*
 * Students subscribe to courses. A course has so many seats and no more, and a student takes so many courses and no
 * more. One event concerns both, and neither of them has to be locked: it carries the tag of the course and that of the
 * student, and the decision is protected by what it has looked at, whichever side that was on.
 */

export type CourseEvent =
  | { readonly type: 'CourseDefined'; readonly data: { readonly courseId: string; readonly capacity: number } }
  | { readonly type: 'CourseCapacityChanged'; readonly data: { readonly courseId: string; readonly capacity: number } }
  | { readonly type: 'StudentSubscribed'; readonly data: { readonly studentId: string; readonly courseId: string } }

export type Courses = EventStore<CourseEvent>

export const COURSES_MAX = 5

/** Rejects where there is such a course already. */
export function defineCourse(courses: Courses, courseId: string, capacity: number): Promise<unknown> {
  return decide(courses, { before: capacityOf(courseId) }, ({ before }) => {
    if (before !== undefined) throw new Error(`there is a course ${courseId} already`)
    return { type: 'CourseDefined', data: { courseId, capacity }, tags: [course(courseId)] }
  })
}

/** Rejects where there is no such course. A course that is fuller than it may be from now on takes nobody else. */
export function changeCapacity(courses: Courses, courseId: string, capacity: number): Promise<unknown> {
  return decide(courses, { before: capacityOf(courseId) }, ({ before }) => {
    if (before === undefined) throw new Error(`there is no course ${courseId}`)
    if (before === capacity) throw new Error(`the course ${courseId} has ${capacity} seats as it is`)
    return { type: 'CourseCapacityChanged', data: { courseId, capacity }, tags: [course(courseId)] }
  })
}

/** Rejects where there is no such course, it is fully booked, or the student is in it, or in too many others. */
export function subscribeStudent(courses: Courses, studentId: string, courseId: string): Promise<unknown> {
  const model = {
    capacity: capacityOf(courseId),
    seatsTaken: countOf(course(courseId)),
    coursesTaken: countOf(student(studentId)),
    timesInCourse: countOf(course(courseId), student(studentId)),
  }
  // Where many want the same course at once, each that comes too late looks again: as often as there are others.
  return decide(
    courses,
    model,
    ({ capacity, seatsTaken, coursesTaken, timesInCourse }) => {
      if (capacity === undefined) throw new Error(`there is no course ${courseId}`)
      if (timesInCourse > 0) throw new Error(`${studentId} is in the course ${courseId} already`)
      if (seatsTaken >= capacity) throw new Error(`the course ${courseId} is fully booked`)
      if (coursesTaken >= COURSES_MAX) throw new Error(`${studentId} takes ${COURSES_MAX} courses already`)
      return {
        type: 'StudentSubscribed',
        data: { studentId, courseId },
        tags: [course(courseId), student(studentId)],
      }
    },
    { retries: 1_000 },
  )
}

const projection = projectionsOf<CourseEvent>()

/** The seats of a course; `undefined` where there is none. */
function capacityOf(courseId: string) {
  return projection({
    query: { types: ['CourseDefined', 'CourseCapacityChanged'], tags: [course(courseId)] },
    init: (): number | undefined => undefined,
    apply: (_, event) => event.data.capacity,
  })
}

/** How many subscriptions there are that concern all of these. */
function countOf(...tags: readonly string[]) {
  return projection({ query: { types: ['StudentSubscribed'], tags }, init: () => 0, apply: (count) => count + 1 })
}

function course(courseId: string): string {
  return `course:${courseId}`
}

function student(studentId: string): string {
  return `student:${studentId}`
}

await tell<CourseEvent>(import.meta.url, async (courses, say) => {
  await defineCourse(courses, 'logic', 3)
  const students = ['ann', 'bob', 'cem', 'dora', 'eva', 'finn', 'gil', 'hana']
  const race = await Promise.all(students.map((each) => outcomeOf(subscribeStudent(courses, each, 'logic'))))
  say(
    `${students.length} students want one of 3 seats at once: ${race.filter((outcome) => outcome === 'yes').length} get one`,
  )
  await changeCapacity(courses, 'logic', 4)
  say(`there is another seat, for ivo:           ${await outcomeOf(subscribeStudent(courses, 'ivo', 'logic'))}`)
  say(`and for june:                             ${await outcomeOf(subscribeStudent(courses, 'june', 'logic'))}`)
  const more = ['sets', 'graphs', 'proofs', 'games', 'codes']
  for (const courseId of more) await defineCourse(courses, courseId, 100)
  const wishes = await Promise.all(more.map((courseId) => outcomeOf(subscribeStudent(courses, 'ivo', courseId))))
  say(
    `ivo wants 5 more courses at once:         ${wishes.filter((outcome) => outcome === 'yes').length} are left to him`,
  )
})
